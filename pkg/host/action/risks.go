package action

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
)

// risks looks at what a release to come may not understand, and at what ends. A file that cannot be read as what it should be is none of it.
func risks(ctx context.Context, _ Env, h *cluster.Host) error {
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return err
	}
	defer sd.Close()
	line, err := kubeletCommand(ctx, sd)
	if err != nil {
		return err
	}
	h.KubeletArgs = kubeletArgs(strings.Split(line, "\x00"), argumentFiles())
	h.Certificates = slices.Concat(certificates("/etc/kubernetes/pki", "/var/lib/kubelet/pki"), kubeconfigs("/etc/kubernetes"))
	h.ExtraManifests = extraManifests("/etc/kubernetes/manifests")
	h.DefaultedEtcd = defaulted(staticpod.Etcd)
	h.Unattended = unattended(ctx)
	return nil
}

// kubeletCommand is the command line of the kubelet; empty where none runs. One that has ended before it was read is started again by systemd.
func kubeletCommand(ctx context.Context, sd *systemd.Conn) (string, error) {
	const tries = 5
	for i := 1; ; i++ {
		pid, err := sd.MainPID(ctx, kubeletUnit)
		if err != nil || pid == 0 {
			return "", err
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && len(line) > 0 {
			return string(line), nil
		}
		ended := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
		if err != nil && !ended || i == tries {
			return "", fmt.Errorf("read command line of the kubelet: %w", cmp.Or(err, errors.New("it is empty")))
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("read command line of the kubelet: %w", context.Cause(ctx))
		case <-time.After(time.Second):
		}
	}
}

// argumentFiles are the files from which kubeadm's own unit takes arguments, as its drop-in names them.
func argumentFiles() map[string]string {
	out := map[string]string{}
	for _, f := range []string{"/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet"} {
		if b, err := os.ReadFile(f); err == nil {
			out[f] = string(b)
		}
	}
	return out
}

// kubeletArgs reads the flags of a kubelet that runs. A flag that stands in none of the files comes from the unit itself.
func kubeletArgs(words []string, files map[string]string) []cluster.HostFlag {
	var out []cluster.HostFlag
	for i := 1; i < len(words); i++ {
		rest, ok := strings.CutPrefix(words[i], "--")
		if !ok || rest == "" {
			continue
		}
		name, v, joined := strings.Cut(rest, "=")
		if !joined {
			v = "true"
			if i+1 < len(words) && words[i+1] != "" && !strings.HasPrefix(words[i+1], "-") {
				v = words[i+1]
			}
		}
		f := cluster.HostFlag{Flag: cluster.Flag{Name: strings.ReplaceAll(name, "_", "-"), Value: v}}
		// Of several the administrator's is told of, which sorts before kubeadm's: kubeadm mends only its own.
		for _, path := range slices.Sorted(maps.Keys(files)) {
			if slices.Contains(strings.FieldsFunc(files[path], separates), "--"+name) {
				f.File = path
				break
			}
		}
		out = append(out, f)
	}
	return out
}

// separates tells what a flag in a file of variables ends at.
func separates(r rune) bool { return strings.ContainsRune(" \t\n=\"'", r) }

// selfSigned is what a kubelet that asks for no certificate serves with: it makes it once, never again, and nobody minds that it ends.
const selfSigned = "/var/lib/kubelet/pki/kubelet.crt"

// certificates finds when those in some folders end. What is no certificate, such as a key, is passed by.
func certificates(dirs ...string) []cluster.Certificate {
	var out []cluster.Certificate
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			// The kubelet keeps the old ones beside the one that it uses, to which a link leads.
			old := strings.HasPrefix(filepath.Base(path), "kubelet-client-20") || strings.HasPrefix(filepath.Base(path), "kubelet-server-20")
			if err == nil && !d.IsDir() && !old && path != selfSigned && slices.Contains([]string{".crt", ".pem"}, filepath.Ext(path)) {
				if at, ok := notAfter(path); ok {
					out = append(out, cluster.Certificate{Path: path, NotAfter: at})
				}
			}
			return nil // what cannot be read is none, and no reason not to read the rest
		})
	}
	return out
}

// kubeconfigs finds when the client certificates inside kubeadm's own kubeconfigs end. One that names a file instead, as a kubelet's does once it renews
// its certificate, is none: the file is read among the others.
func kubeconfigs(dir string) []cluster.Certificate {
	var out []cluster.Certificate
	for _, name := range []string{"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf"} {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if at, ok := notAfterIn(clientCertificate(b)); ok {
			out = append(out, cluster.Certificate{Path: path, NotAfter: at})
		}
	}
	return out
}

// clientCertificate is that of the user whom a kubeconfig is for; nil where it has none inside.
func clientCertificate(kubeconfig []byte) []byte {
	var c struct {
		Current  string `json:"current-context"`
		Contexts []struct {
			Name    string `json:"name"`
			Context struct {
				User string `json:"user"`
			} `json:"context"`
		} `json:"contexts"`
		Users []struct {
			Name string `json:"name"`
			User struct {
				Certificate []byte `json:"client-certificate-data"`
			} `json:"user"`
		} `json:"users"`
	}
	if yaml.Unmarshal(kubeconfig, &c) != nil {
		return nil
	}
	for _, at := range c.Contexts {
		for _, u := range c.Users {
			if at.Name == c.Current && u.Name == at.Context.User {
				return u.User.Certificate
			}
		}
	}
	return nil
}

// notAfter is when the first certificate of a file ends.
func notAfter(path string) (at time.Time, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return at, false
	}
	return notAfterIn(b)
}

// notAfterIn is when the first of some certificates ends.
func notAfterIn(b []byte) (at time.Time, ok bool) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return at, false
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return at, false
		}
		return c.NotAfter, true
	}
}

// kubeadmManifests are the files that kubeadm writes.
var kubeadmManifests = []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"}

// extraManifests finds files, hidden ones aside as the kubelet has it, that make a pod of the same name as one of kubeadm's.
func extraManifests(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || slices.Contains(kubeadmManifests, e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		var pod struct {
			Metadata struct{ Name, Namespace string } `json:"metadata"`
		}
		if err != nil || yaml.Unmarshal(b, &pod) != nil {
			continue
		}
		if pod.Metadata.Namespace == "kube-system" && slices.Contains(kubeadmManifests, pod.Metadata.Name+".yaml") {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// defaulted tells whether a static pod's manifest has a field that kubeadm leaves to the API server.
func defaulted(path string) bool {
	b, err := os.ReadFile(path)
	var pod struct {
		Spec struct{ SchedulerName, DNSPolicy string } `json:"spec"`
	}
	return err == nil && yaml.Unmarshal(b, &pod) == nil && pod.Spec.SchedulerName+pod.Spec.DNSPolicy != ""
}

// unattended asks apt whether the host upgrades by itself: both settings of its periodic work have to be on.
func unattended(ctx context.Context) bool {
	if !hasApt() {
		return false
	}
	out, err := proc.Output(ctx, "apt-config", "dump", "--format", "%f=%v%n", "APT::Periodic::Unattended-Upgrade")
	if err != nil {
		return false
	}
	_, v, _ := strings.Cut(strings.TrimSpace(out), "=")
	if _, err := os.Stat("/usr/bin/unattended-upgrade"); err != nil {
		return false
	}
	return v != "" && v != "0" && !bytes.Contains([]byte(v), []byte("never"))
}
