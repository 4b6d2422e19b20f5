package v2

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/raft/v3/raftpb"
)

// Early recovers the store of a snapshot while other things are read.
type Early struct {
	from  *raftpb.Snapshot
	store v2store.Store
	err   error
}

// Recover fills the store.
func (e *Early) Recover(s *raftpb.Snapshot) {
	e.from, e.store = s, v2store.New(clusterPrefix, keysPrefix)
	// From 3.6 on a snapshot may hold no store.
	if data := s.GetData(); len(data) > 0 {
		e.err = recoverStore(e.store, data)
	}
}

// recoverStore fills a store from a snapshot. The store can do that itself, with encoding/json, which takes several times as long as
// everything else that is done to the data; so the nodes are made here, and put where encoding/json would have put them.
// What is not exactly as servers write it is left to the store.
func recoverStore(store v2store.Store, data []byte) error {
	if saved, err := parseSaved(data); err == nil && plant(store, saved) == nil {
		// It links the nodes with each other, and finds those that expire.
		return store.Recovery([]byte("{}"))
	}
	return store.Recovery(data)
}

// nodeFields are those of the store's nodes, which have no exported type.
type nodeFields struct{ path, created, modified, expires, value, children []int }

func fieldsOf(node reflect.Type) (nodeFields, error) {
	var f nodeFields
	for name, to := range map[string]struct {
		index *[]int
		kind  reflect.Type
	}{
		"Path": {&f.path, reflect.TypeFor[string]()}, "CreatedIndex": {&f.created, reflect.TypeFor[uint64]()}, "ModifiedIndex": {&f.modified, reflect.TypeFor[uint64]()},
		"ExpireTime": {&f.expires, reflect.TypeFor[time.Time]()}, "Value": {&f.value, reflect.TypeFor[string]()}, "Children": {&f.children, reflect.MapOf(reflect.TypeFor[string](), reflect.PointerTo(node))},
	} {
		field, ok := node.FieldByName(name)
		if !ok || field.Type != to.kind {
			return f, fmt.Errorf("nodes of the v2 store have no %s of type %s", name, to.kind)
		}
		*to.index = field.Index
	}
	return f, nil
}

// inside gives the store's own nodeFields: its root, and its index.
func inside(store v2store.Store) (root, index reflect.Value, f nodeFields, err error) {
	v := reflect.ValueOf(store)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return root, index, f, errors.New("the v2 store is no struct")
	}
	root, index = v.Elem().FieldByName("Root"), v.Elem().FieldByName("CurrentIndex")
	if root.Kind() != reflect.Pointer || root.Type().Elem().Kind() != reflect.Struct || index.Kind() != reflect.Uint64 {
		return root, index, f, errors.New("the v2 store has no root and index")
	}
	f, err = fieldsOf(root.Type().Elem())
	return root, index, f, err
}

// plant makes the nodes of a new store. It changes nothing when it cannot.
func plant(store v2store.Store, s *saved) error {
	root, index, f, err := inside(store)
	if err != nil {
		return err
	}
	index.SetUint(s.index)
	// The store's own root stays: it knows its store.
	f.set(root.Elem(), s.root)
	return nil
}

func (f nodeFields) set(to reflect.Value, n *node) {
	to.FieldByIndex(f.path).SetString(n.Path)
	to.FieldByIndex(f.created).SetUint(n.CreatedIndex)
	to.FieldByIndex(f.modified).SetUint(n.ModifiedIndex)
	if !n.ExpireTime.IsZero() {
		to.FieldByIndex(f.expires).Set(reflect.ValueOf(n.ExpireTime))
	}
	to.FieldByIndex(f.value).SetString(n.Value)
	if n.Children == nil {
		to.FieldByIndex(f.children).SetZero()
		return
	}
	children := reflect.MakeMapWithSize(to.FieldByIndex(f.children).Type(), len(n.Children))
	for name, child := range n.Children {
		c := reflect.New(to.Type())
		f.set(c.Elem(), child)
		children.SetMapIndex(reflect.ValueOf(name), c)
	}
	to.FieldByIndex(f.children).Set(children)
}

// nodes gives what is in a store, hidden nodes too, which no listing shows.
func nodes(store v2store.Store) (*node, error) {
	root, _, f, err := inside(store)
	if err != nil {
		return nil, err
	}
	return f.get(root.Elem()), nil
}

func (f nodeFields) get(from reflect.Value) *node {
	n := &node{Path: from.FieldByIndex(f.path).String(), CreatedIndex: from.FieldByIndex(f.created).Uint(), ModifiedIndex: from.FieldByIndex(f.modified).Uint(),
		ExpireTime: from.FieldByIndex(f.expires).Interface().(time.Time), Value: from.FieldByIndex(f.value).String()}
	if children := from.FieldByIndex(f.children); !children.IsNil() {
		n.Children = make(map[string]*node, children.Len())
		for i := children.MapRange(); i.Next(); {
			n.Children[i.Key().String()] = f.get(i.Value().Elem())
		}
	}
	return n
}
