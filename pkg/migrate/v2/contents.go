package v2

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Key is one value of the v2 API.
type Key struct {
	Path, Value       string
	Created, Modified uint64
	// Expires is zero for a key that stays. It is the earliest of the key's own time and those of the directories above.
	Expires time.Time
}

// Contents is everything in the v2 store that users have put there.
type Contents struct {
	// Keys are in the order of their last change.
	Keys []Key
	// Hidden of them have an element that begins with "_", which listings do not show.
	Hidden int
	// EmptyDirs cannot be kept: v3 has no directories.
	EmptyDirs int
	// Users and roles of the v2 API, which cannot be kept either.
	Users, Roles int
	AuthEnabled  bool
}

// node is one of the store's nodes, by the names that it has for them.
type node struct {
	Path                        string
	CreatedIndex, ModifiedIndex uint64
	ExpireTime                  time.Time
	Value                       string
	Children                    map[string]*node
}

// permanentBefore is what old releases wrote for keys that stay: any time before it.
var permanentBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Contents gives the users' part of the store.
func (s *State) Contents() (*Contents, error) {
	root, err := nodes(s.store)
	if err != nil {
		return nil, fmt.Errorf("read v2 store: %w", err)
	}
	c := &Contents{}
	for name, n := range root.Children {
		switch "/" + name {
		case clusterPrefix:
		case keysPrefix:
			c.walk(n, time.Time{}, true)
		case authPrefix:
			c.auth(n)
		default:
			return nil, fmt.Errorf("read v2 store: namespace %q is unknown", name)
		}
	}
	slices.SortFunc(c.Keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Modified, b.Modified), cmp.Compare(a.Path, b.Path))
	})
	return c, nil
}

func (c *Contents) walk(n *node, expires time.Time, root bool) {
	if t := n.ExpireTime; t.After(permanentBefore) && (expires.IsZero() || t.Before(expires)) {
		expires = t
	}
	if n.Children == nil {
		key := strings.TrimPrefix(n.Path, keysPrefix)
		if strings.Contains(key, "/_") {
			c.Hidden++
		}
		c.Keys = append(c.Keys, Key{Path: key, Value: n.Value, Created: n.CreatedIndex, Modified: n.ModifiedIndex, Expires: expires})
		return
	}
	if len(n.Children) == 0 && !root {
		c.EmptyDirs++
	}
	for _, child := range n.Children {
		c.walk(child, expires, false)
	}
}

func (c *Contents) auth(n *node) {
	if e := n.Children["enabled"]; e != nil {
		c.AuthEnabled = e.Value == "true"
	}
	if u := n.Children["users"]; u != nil {
		c.Users = len(u.Children)
	}
	if r := n.Children["roles"]; r != nil {
		c.Roles = len(r.Children)
	}
}

// Prefixes counts the keys by their directories: by two levels of them, and by one for Kubernetes' own.
func (c *Contents) Prefixes(own string) map[string]int {
	counts := map[string]int{}
	for _, k := range c.Keys {
		if k.Path == own || strings.HasPrefix(k.Path, own+"/") {
			counts[own]++
			continue
		}
		dirs := strings.Split(strings.TrimPrefix(k.Path, "/"), "/")
		if len(dirs) > 1 {
			dirs = dirs[:min(2, len(dirs)-1)]
		}
		counts["/"+strings.Join(dirs, "/")]++
	}
	return counts
}
