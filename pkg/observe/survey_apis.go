package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// apis reads which version of which kind is served. What another server serves and cannot be asked is told of elsewhere.
func (s *survey) apis(context.Context) error {
	groups, lists, err := s.client.Discovery().ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return fmt.Errorf("discover APIs: %w", err)
	}
	preferred := map[string]bool{}
	for _, g := range groups {
		preferred[g.PreferredVersion.GroupVersion] = true
	}
	s.APIs = served(lists, preferred)
	return nil
}

// served puts the answers of discovery into one list, without subresources.
func served(lists []*metav1.APIResourceList, preferred map[string]bool) []cluster.ServedAPI {
	var out []cluster.ServedAPI
	inPreferred := map[string]bool{}
	for _, l := range lists {
		group, v, ok := strings.Cut(l.GroupVersion, "/")
		if !ok {
			group, v = "", l.GroupVersion
		}
		for _, r := range l.APIResources {
			if strings.Contains(r.Name, "/") {
				continue
			}
			out = append(out, cluster.ServedAPI{Group: group, Version: v, Kind: r.Kind, Resource: r.Name, Namespaced: r.Namespaced,
				Listed: slices.Contains(r.Verbs, "list"), Preferred: preferred[l.GroupVersion]})
			inPreferred[group+"/"+r.Kind] = inPreferred[group+"/"+r.Kind] || preferred[l.GroupVersion]
		}
	}
	// A kind that the preferred version of its group does not have is taken in the first version that has it.
	for i, a := range out {
		if !inPreferred[a.Group+"/"+a.Kind] {
			inPreferred[a.Group+"/"+a.Kind], out[i].Preferred = true, true
		}
	}
	return out
}

// Limits of the look at objects.
const (
	objectsPage = 500
	// objectsNamed is how many objects or writers of one version are named; the rest is counted.
	objectsNamed = 500
	listsAtOnce  = 4
)

// alwaysWritten are kinds of which there are many, written all the time by components that are upgraded anyway.
var alwaysWritten = []string{"Event", "Lease", "EndpointSlice", "Endpoints"}

// stored finds the objects of versions that end up to a release. That one kind may not be listed does not keep it from the others.
func (s *survey) stored(ctx context.Context, upTo version.Version) error {
	var g errgroup.Group
	g.SetLimit(listsAtOnce)
	var mu sync.Mutex
	var errs []error
	for _, gone := range s.ending(upTo) {
		now, _ := s.served(gone.Group, gone.Version, gone.Kind)
		g.Go(func() error {
			found, err := s.objectsOf(ctx, now, s.successor(gone, upTo), gone.Lost())
			mu.Lock()
			defer mu.Unlock()
			if found != nil {
				s.Stored = append(s.Stored, *found)
			}
			if err != nil {
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are all kept
	slices.SortFunc(s.Stored, func(a, b cluster.StoredAPI) int {
		return strings.Compare(a.Group+a.Version+a.Kind, b.Group+b.Version+b.Kind)
	})
	return errors.Join(errs...)
}

// ending are the versions that are served now and end up to a release, of kinds that have objects.
func (s *survey) ending(upTo version.Version) []knowledge.RemovedAPI {
	return slices.DeleteFunc(knowledge.RemovedAPIs(), func(gone knowledge.RemovedAPI) bool {
		now, ok := s.served(gone.Group, gone.Version, gone.Kind)
		return !ok || !now.Listed || !knowledge.Ended(gone.Removed, upTo)
	})
}

func (s *survey) served(group, v, kind string) (cluster.ServedAPI, bool) {
	i := slices.IndexFunc(s.APIs, func(a cluster.ServedAPI) bool { return a.Group == group && a.Version == v && a.Kind == kind })
	if i < 0 {
		return cluster.ServedAPI{}, false
	}
	return s.APIs[i], true
}

// successor is a version of the same objects that is served now and does not end on the way; nil when there is none.
func (s *survey) successor(gone knowledge.RemovedAPI, upTo version.Version) *cluster.ServedAPI {
	ends := func(a cluster.ServedAPI) bool {
		return slices.ContainsFunc(knowledge.RemovedAPIs(), func(r knowledge.RemovedAPI) bool {
			return r.Group == a.Group && r.Version == a.Version && r.Kind == a.Kind && knowledge.Ended(r.Removed, upTo)
		})
	}
	for _, a := range s.APIs {
		moved := a.Group+"/"+a.Version+" "+a.Kind == gone.Replacement
		if (a.Group == gone.Group && a.Kind == gone.Kind || moved) && !ends(a) {
			return &a
		}
	}
	return nil
}

// objectsOf names the objects of a version that ends. With a successor the objects stay, be it one that a release on the way brings; then only
// who wrote them by the old version counts.
func (s *survey) objectsOf(ctx context.Context, gone cluster.ServedAPI, successor *cluster.ServedAPI, lost bool) (*cluster.StoredAPI, error) {
	out := &cluster.StoredAPI{Group: gone.Group, Version: gone.Version, Kind: gone.Kind}
	lost = lost && successor == nil
	if !lost && slices.Contains(alwaysWritten, gone.Kind) {
		return nil, nil
	}
	ask := s.preferred(gone)
	if successor != nil {
		ask = *successor
	}
	old := strings.TrimPrefix(gone.Group+"/"+gone.Version, "/")
	err := each(ctx, s, resourcePath(ask), asMetadata, objectsPage, func(o struct {
		Metadata objectMeta `json:"metadata"`
	}) {
		if lost {
			if len(out.Objects) >= objectsNamed {
				out.More++
				return
			}
			out.Objects = append(out.Objects, o.Metadata.String())
			return
		}
		for _, f := range o.Metadata.ManagedFields {
			if f.APIVersion != old || ofControlPlane(f.Manager) {
				continue
			}
			if len(out.Writers) >= objectsNamed {
				out.More++
				continue
			}
			at, _ := time.Parse(time.RFC3339, f.Time)
			out.Writers = append(out.Writers, cluster.APIWriter{Object: o.Metadata.String(), Manager: f.Manager, Time: at})
		}
	})
	if err != nil || len(out.Objects)+len(out.Writers) == 0 {
		return nil, err
	}
	return out, nil
}

// preferred is the version of the same kind that the server prefers. To ask for another would count as somebody's asking for it.
func (s *survey) preferred(a cluster.ServedAPI) cluster.ServedAPI {
	i := slices.IndexFunc(s.APIs, func(o cluster.ServedAPI) bool {
		return o.Group == a.Group && o.Kind == a.Kind && o.Preferred && o.Listed
	})
	if i < 0 {
		return a
	}
	return s.APIs[i]
}

// ofControlPlane tells writers that are upgraded themselves, and know the new version then.
func ofControlPlane(manager string) bool {
	return slices.Contains([]string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubeadm"}, manager) ||
		strings.HasPrefix(manager, "api-priority-and-fairness")
}

func resourcePath(a cluster.ServedAPI) string {
	if a.Group == "" {
		return "/api/" + a.Version + "/" + a.Resource
	}
	return "/apis/" + a.Group + "/" + a.Version + "/" + a.Resource
}
