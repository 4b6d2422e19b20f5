package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// etcdRestore brings back what etcd has lost, twice: while the API serves, from where the plugin stands; and when the disks of two of three members were wiped,
// by the line that the plugin prints then.
func etcdRestore(ctx context.Context, e *env) error {
	var err error
	if e.etcdMigrate, err = e.product.pushEtcdMigrate(ctx, e.root, e.lab, "3.5"); err != nil {
		return err
	}
	r := &restoring{env: e, local: filepath.Join(e.work, "snapshots")}
	if err := os.RemoveAll(r.local); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{r.keep, r.refusals, r.fromHere, r.killed, r.byHand} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// restoring is what is known of the snapshot, and of the cluster when it was taken.
type restoring struct {
	*env
	local    string // folder of this machine
	node     string
	path     string
	revision int64
	objects  map[string]string
	contents map[string]string
	// cluster is the etcd cluster's ID of before.
	cluster uint64
	// said is the standard error of the last run.
	said string
}

const (
	// kept is there when the snapshot is taken, and added is made later.
	kept, added = "e2e-kept", "e2e-added"
	// bumped is how far the revision has to move on at least.
	bumped = 1_000_000_000
)

// keep takes the snapshot.
func (r *restoring) keep(ctx context.Context) error {
	if err := r.write(ctx, kept); err != nil {
		return err
	}
	var err error
	if r.objects, err = r.env.objects(ctx); err != nil {
		return err
	}
	if r.contents, err = r.configuration(ctx); err != nil {
		return err
	}
	o, err := r.product.run(ctx, r.etcdCall("etcd", "snapshot", "--download", r.local, "-o", "json"))
	if err != nil {
		return err
	}
	var said struct {
		Etcd struct {
			Snapshots []struct {
				Node, Path string
				Revision   int64
			}
		}
	}
	if err := json.Unmarshal([]byte(o.stdout), &said); err != nil || o.code != 0 || len(said.Etcd.Snapshots) != 1 {
		return errors.Join(fmt.Errorf("take a snapshot: %s", o), err)
	}
	s := said.Etcd.Snapshots[0]
	r.node, r.path, r.revision = s.Node, s.Path, s.Revision
	r.check("a snapshot on this machine is verified", func() error {
		return r.ends(ctx, 0, "", "etcd", "verify", filepath.Join(r.local, filepath.Base(r.path)))
	})
	return nil
}

// refusals change nothing.
func (r *restoring) refusals(ctx context.Context) error {
	before, err := r.take(ctx)
	if err != nil {
		return err
	}
	bad := strings.TrimSuffix(r.path, ".db") + "-bad.db"
	spoil := fmt.Sprintf(`set -eu; cp %[1]s %[2]s; cp %[1]s.json %[2]s.json
size=$(stat -c %%s %[2]s); printf '\377\000\377\000' | dd of=%[2]s bs=1 seek=$((size / 2)) conv=notrunc status=none`, r.path, bad)
	if _, err := r.lab.exec(ctx, r.node, "sh", "-c", spoil); err != nil {
		return fmt.Errorf("spoil a copy of the snapshot: %w", err)
	}
	local := filepath.Join(r.local, "bad.db")
	whole, err := os.ReadFile(filepath.Join(r.local, filepath.Base(r.path)))
	if err != nil {
		return err
	}
	if err := os.WriteFile(local, whole[:len(whole)/2], 0o600); err != nil {
		return err
	}
	for what, c := range map[string]struct {
		words string
		args  []string
	}{
		"a snapshot that was changed on disk": {"its sum is", []string{bad + "@" + r.node, "--yes"}},
		"a snapshot that is not there":        {"no such file", []string{r.path + ".gone@" + r.node, "--yes"}},
		"a snapshot of here that was cut off": {"cut off", []string{local, "--yes"}},
		"a node that is not there":            {"no such node", []string{r.path + "@nobody", "--yes"}},
	} {
		r.check("restore refuses "+what, func() error { return r.ends(ctx, 2, c.words, append([]string{"etcd", "restore"}, c.args...)...) })
	}
	r.check("restore asks before it begins, and takes no answer for none", func() error { return r.ends(ctx, 4, "--yes", "etcd", "restore", r.path+"@"+r.node) })
	r.check("what was refused has changed nothing", func() error { return r.settled(ctx, before) })
	return nil
}

// ends wants an exit code, and words in what is said.
func (r *restoring) ends(ctx context.Context, code int, words string, args ...string) error {
	return r.ended(ctx, code, words, r.etcdCall(args...))
}

func (r *restoring) ended(ctx context.Context, code int, words string, c call) error {
	o, err := r.product.run(ctx, c)
	r.said = o.stderr
	if err == nil && (o.code != code || !strings.Contains(o.stderr, words)) {
		err = fmt.Errorf("want exit code %d and %q: %s", code, words, o)
	}
	return err
}

// fromHere loses objects while the API serves, and restores through it.
func (r *restoring) fromHere(ctx context.Context) error {
	if err := r.lose(ctx); err != nil {
		return err
	}
	watch, err := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer watch.Stop()
	began := time.Now()
	done := r.check("a restore through the API ends with exit code 0", func() error {
		return r.ends(ctx, 0, "", "etcd", "restore", r.path+"@"+r.node, "--yes", "-o", "json")
	})
	if !done {
		return errors.New("the cluster is not restored: nothing further can be proven on it")
	}
	r.figure("etcd_restore_seconds", int(time.Since(began).Seconds()), "s")
	r.check("who watched from before is told that it is over, and goes on with nothing", func() error {
		return poll(ctx, time.Minute, "the watch to end", func(context.Context) (bool, error) {
			select {
			case _, open := <-watch.ResultChan():
				return !open, nil
			default:
				return false, nil
			}
		})
	})
	return r.restored(ctx)
}

// killed restores by a run that dies as soon as the first host has begun, and by the same command again.
func (r *restoring) killed(ctx context.Context) error {
	if err := r.lose(ctx); err != nil {
		return err
	}
	c := r.etcdCall("etcd", "restore", r.path+"@"+r.node, "--yes", "-o", "json")
	begun := make(chan struct{})
	c.said = func(line string) {
		if m := stepLine.FindStringSubmatch(line); m != nil && m[1] == "begin/cluster/return" && m[2] == "started" {
			close(begun)
		}
	}
	p, err := r.product.start(ctx, c)
	if err != nil {
		return err
	}
	select {
	case <-begun:
	case <-p.done:
		return fmt.Errorf("the run has ended by itself:\n%s", tail(p.stderr.String(), 60))
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if o, err := p.wait(ctx); err != nil || o.code >= 0 {
		return errors.Join(fmt.Errorf("it was not killed: %s", o), err)
	}
	done := r.check("a restore whose run was killed goes on, and the same command ends it with exit code 0", func() error {
		return r.ends(ctx, 0, "", "etcd", "restore", r.path+"@"+r.node, "--yes", "-o", "json")
	})
	if !done {
		return errors.New("the cluster is not restored: nothing further can be proven on it")
	}
	return r.restored(ctx)
}

// byHand wipes the disks of two members, and does as the plugin says. Of the first, kubeadm's manifest then makes a cluster of its own, with an API server
// before it that knows of nothing: there is an answer, and it is a wrong one.
func (r *restoring) byHand(ctx context.Context) error {
	if err := r.lose(ctx); err != nil {
		return err
	}
	nodes := r.lab.info.controlPlanes()
	// The manifest is left, as it is on a host whose data disk was replaced.
	wipe := `rm -rf /var/lib/etcd/member /var/lib/etcd/.etcd-migrate
for p in /proc/[0-9]*; do if [ "$(cat $p/comm 2>/dev/null)" = etcd ]; then kill -9 ${p#/proc/}; fi; done`
	for _, n := range nodes[:2] {
		if _, err := r.lab.exec(ctx, n, "sh", "-c", wipe); err != nil {
			return fmt.Errorf("wipe the disk of %s: %w", n, err)
		}
	}
	err := poll(ctx, 3*time.Minute, "the API to be lost", func(ctx context.Context) (bool, error) {
		// A server whose etcd has no quorum lets who asks wait.
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(ctx, kept, metav1.GetOptions{})
		return err != nil && !apierrors.IsNotFound(err), nil
	})
	if err != nil {
		return err
	}
	line := ""
	r.check("without an API server that knows this cluster, restore says what to run on each host", func() error {
		o, err := r.product.run(ctx, r.etcdCall("etcd", "restore", r.path+"@"+r.node, "--yes"))
		if err != nil {
			return err
		}
		for l := range strings.Lines(o.stderr) {
			if strings.HasPrefix(strings.TrimSpace(l), "etcd-migrate snapshot restore ") {
				line = strings.TrimSpace(l)
			}
		}
		if o.code != 2 || line == "" {
			return fmt.Errorf("want exit code 2 and a line: %s", o)
		}
		return nil
	})
	if line == "" {
		return errors.New("restore by hand: there is no line to run")
	}
	fmt.Println("#", line)
	if err := r.carry(ctx, nodes); err != nil {
		return err
	}
	r.check("by hand, a snapshot that was changed is refused, and the member left as it is", func() error { return r.refusedByHand(ctx, nodes[0], line) })
	began := time.Now()
	for _, n := range nodes {
		out, err := r.lab.exec(ctx, n, "sh", "-c", line)
		if err != nil {
			return fmt.Errorf("restore by hand: %w", err)
		}
		fmt.Printf("# %s: %s\n", n, strings.ReplaceAll(strings.TrimSpace(out), "\n", "\n#   "))
	}
	err = poll(ctx, 10*time.Minute, "the control plane to serve", func(ctx context.Context) (bool, error) {
		err := r.controlPlaneServes(ctx)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	r.figure("etcd_restore_by_hand_seconds", int(time.Since(began).Seconds()), "s")
	for _, n := range nodes {
		if _, err := r.lab.exec(ctx, n, "rm", "/usr/local/bin/etcd-migrate"); err != nil {
			return err
		}
	}
	r.check("etcd status, after it, finds nothing in the way", func() error { return r.ended(ctx, 0, "", r.upgradeCall("etcd", "status")) })
	return r.restored(ctx)
}

// carry brings to each host what the line needs.
func (r *restoring) carry(ctx context.Context, nodes []string) error {
	manifest, err := r.lab.exec(ctx, r.node, "cat", r.path+".json")
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if _, err := r.lab.exec(ctx, n, "mkdir", "-p", filepath.Dir(r.path)); err != nil {
			return err
		}
		for path, from := range map[string]string{r.path: filepath.Join(r.local, filepath.Base(r.path)), "/usr/local/bin/etcd-migrate": r.product.etcdMigrate()} {
			f, err := os.Open(from)
			if err != nil {
				return err
			}
			err = r.lab.put(ctx, n, path, "0755", f)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		if err := r.lab.put(ctx, n, r.path+".json", "0600", strings.NewReader(manifest)); err != nil {
			return err
		}
	}
	return nil
}

// refusedByHand runs the line with a file that was cut off, and wants host and member as before.
func (r *restoring) refusedByHand(ctx context.Context, node, line string) error {
	look := "ls -A /etc/kubernetes/manifests; sha256sum /etc/kubernetes/manifests/*; ls /var/lib/etcd; ls /var/lib/etcd/.etcd-migrate 2>/dev/null || true"
	before, err := r.lab.exec(ctx, node, "sh", "-c", look)
	if err != nil {
		return err
	}
	bad := strings.TrimSuffix(r.path, ".db") + "-cut.db"
	if _, err := r.lab.exec(ctx, node, "sh", "-c", fmt.Sprintf("head -c 100000 %s > %s", r.path, bad)); err != nil {
		return err
	}
	if out, err := r.lab.exec(ctx, node, "sh", "-c", strings.ReplaceAll(line, r.path, bad)); err == nil {
		return fmt.Errorf("it was taken: %s", out)
	}
	after, err := r.lab.exec(ctx, node, "sh", "-c", look)
	if err == nil && after != before {
		err = fmt.Errorf("%q has become %q", before, after)
	}
	return err
}

// lose takes an object away that the snapshot has, and makes one that it has not.
func (r *restoring) lose(ctx context.Context) error {
	if err := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Delete(ctx, kept, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("lose an object: %w", err)
	}
	if err := r.write(ctx, added); err != nil {
		return err
	}
	c, err := r.etcdClient(ctx, slices.Collect(maps.Values(r.members()))...)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("ask etcd who it is: %w", err)
	}
	r.cluster = list.Header.ClusterId
	return nil
}

func (r *restoring) write(ctx context.Context, name string) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"made": time.Now().UTC().Format(time.RFC3339Nano)}}
	if _, err := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(ctx, cm, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// configuration is what ConfigMaps and Secrets hold, as text by name; what the product itself keeps meanwhile is left out.
func (r *restoring) configuration(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	configMaps, err := r.client.CoreV1().ConfigMaps(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list ConfigMaps: %w", err)
	}
	for _, m := range configMaps.Items {
		out["ConfigMap "+m.Namespace+"/"+m.Name] = sorted(m.Data)
	}
	secrets, err := r.client.CoreV1().Secrets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list Secrets: %w", err)
	}
	for _, s := range secrets.Items {
		out["Secret "+s.Namespace+"/"+s.Name] = fmt.Sprint(s.Data)
	}
	return out, nil
}

// restored proves by etcd and the API that all is as it was when the snapshot was taken, and works.
func (r *restoring) restored(ctx context.Context) error {
	r.check("the API serves every object of the snapshot", func() error { return r.sameObjects(ctx, r.objects) })
	r.check("what ConfigMaps and Secrets hold is as it was, and what came later is gone", func() error {
		now, err := r.configuration(ctx)
		if err != nil {
			return err
		}
		if d := snapshot(r.contents).diff(snapshot(now)); d != "" {
			return errors.New(d)
		}
		return nil
	})
	r.check("etcd's members are healthy, of one version and of the same data", func() error { return r.membersAgree(ctx) })
	r.check("it is another cluster, whose revision has moved on and whose past is compacted", func() error { return r.anew(ctx) })
	r.check("every node and static pod is Ready", func() error {
		return poll(ctx, 5*time.Minute, "the control plane to serve", func(ctx context.Context) (bool, error) {
			err := r.controlPlaneServes(ctx)
			return err == nil, err
		})
	})
	r.check("controllers see what is new", func() error { return r.controllersAct(ctx) })
	after, err := r.take(ctx)
	if err != nil {
		return err
	}
	r.check("nothing of ours is left", func() error {
		if err := after.clean(); err != nil {
			return fmt.Errorf("%w\nthe last run has said:\n%s", err, tail(r.said, 40))
		}
		return nil
	})
	return nil
}

// anew asks each member itself.
func (r *restoring) anew(ctx context.Context) error {
	var errs []error
	for node, url := range r.members() {
		errs = append(errs, r.anewAt(ctx, node, url))
	}
	return errors.Join(errs...)
}

func (r *restoring) anewAt(ctx context.Context, node, url string) error {
	c, err := r.etcdClient(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, etcdPatience)
	defer cancel()
	s, err := c.Status(ctx, url)
	if err != nil {
		return fmt.Errorf("ask member on %s: %w", node, err)
	}
	if s.Header.ClusterId == r.cluster || s.Header.Revision < r.revision+bumped {
		return fmt.Errorf("the member on %s is of cluster %x (before: %x) and at revision %d (the snapshot: %d)", node, s.Header.ClusterId, r.cluster, s.Header.Revision, r.revision)
	}
	if _, err := c.Get(ctx, "/registry/a", clientv3.WithRev(r.revision)); !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("the member on %s does not say that revision %d is compacted: %w", node, r.revision, err)
	}
	return nil
}

// controllersAct makes a namespace, into which controllers put a service account.
func (r *restoring) controllersAct(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-restored-"}}
	made, err := r.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make a namespace: %w", err)
	}
	err = poll(ctx, 3*time.Minute, "a service account in a new namespace", func(ctx context.Context) (bool, error) {
		_, err := r.client.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, err
	})
	if err != nil {
		return err
	}
	if err := r.client.CoreV1().Namespaces().Delete(ctx, made.Name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete the namespace: %w", err)
	}
	return poll(ctx, 3*time.Minute, "the namespace to be gone", func(ctx context.Context) (bool, error) {
		_, err := r.client.CoreV1().Namespaces().Get(ctx, made.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
}
