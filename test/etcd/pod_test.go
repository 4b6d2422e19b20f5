//go:build realetcd

package etcd

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"
)

// pod runs containers as a kubelet does, as far as the image and the network go: chrooted into what the image holds, with
// nothing else to run, and with the addresses of the node.
type pod struct {
	t          *testing.T
	root       string
	net        *netns
	entrypoint []string
}

// makeImage makes the image as "make images" does, and unpacks it.
func makeImage(t *testing.T, hops string) *pod {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	for _, args := range [][]string{
		{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, "./cmd/etcd-migrate"},
		{"run", "./hack/image", "--image", "images/etcd-migrate", "--binary", program, "--etcd", binDir(t), "--hops", hops, "--tar", filepath.Join(dir, "image.tar")},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	img, err := tarball.ImageFromPath(filepath.Join(dir, "image.tar"), nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{t: t, root: filepath.Join(dir, "root"), entrypoint: config.Config.Entrypoint, net: newNetns(t, [4]byte{192, 0, 2, 10})}
	r := mutate.Extract(img)
	defer r.Close()
	if err := untar(r, p.root); err != nil {
		t.Fatalf("unpack the image: %v", err)
	}
	// These come from the runtime.
	for _, name := range []string{"dev/null", "dev/termination-log"} {
		p.write(name, nil)
	}
	return p
}

func untar(r io.Reader, root string) error {
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(root, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		default:
			var data []byte
			if data, err = io.ReadAll(tr); err == nil {
				err = os.WriteFile(path, data, h.FileInfo().Mode())
			}
		}
		if err != nil {
			return err
		}
	}
}

func (p *pod) write(name string, data []byte) {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// process is a container that runs.
type process struct {
	*exec.Cmd
	out, err bytes.Buffer
}

// start starts a container as its spec says.
func (p *pod) start(c corev1.Container) *process {
	p.t.Helper()
	words := slices.Concat(c.Command, c.Args)
	if len(c.Command) == 0 {
		words = slices.Concat(p.entrypoint, c.Args)
	}
	for _, m := range c.VolumeMounts {
		if err := os.MkdirAll(filepath.Join(p.root, m.MountPath), 0o700); err != nil {
			p.t.Fatal(err)
		}
	}
	r := &process{Cmd: exec.CommandContext(context.WithoutCancel(p.t.Context()), words[0], words[1:]...)}
	r.Dir, r.Env = "/", []string{"PATH=/usr/local/bin"}
	for _, e := range c.Env {
		r.Env = append(r.Env, e.Name+"="+e.Value)
	}
	r.Stdout, r.Stderr = &r.out, &r.err
	r.SysProcAttr = &syscall.SysProcAttr{Chroot: p.root}
	var err error
	p.net.in(func() { err = r.Start() })
	if err != nil {
		p.t.Fatalf("start container %s: %v", c.Name, err)
	}
	p.t.Cleanup(func() {
		if r.ProcessState == nil {
			_ = r.Process.Kill() // the test has failed before it stopped it
			_ = r.Wait()
		}
	})
	return r
}

// run runs a container to its end.
func (p *pod) run(c corev1.Container) *process {
	p.t.Helper()
	r := p.start(c)
	if err := r.Wait(); err != nil {
		p.t.Fatalf("container %s: %v\n%s%s", c.Name, err, &r.out, &r.err)
	}
	return r
}

// serve starts a container of etcd and waits until it is healthy, as its probe asks.
func (p *pod) serve(c corev1.Container) (stop func()) {
	p.t.Helper()
	r := p.start(c)
	eventually(p.t, "wait for "+c.Name, func(context.Context) bool {
		_, err := p.ctl(c, "endpoint", "health") //nolint:contextcheck // its probe has a limit of its own
		return err == nil
	})
	return func() {
		p.t.Helper()
		if err := r.Process.Signal(syscall.SIGTERM); err != nil {
			p.t.Fatal(err)
		}
		// etcd raises the signal again at its end, so being ended by it is the good end.
		if err := r.Wait(); err != nil && r.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			p.t.Fatalf("%s: %v\n%.4000s", c.Name, err, &r.err)
		}
	}
}

// ctl runs the image's etcdctl of the newest release against the pod.
func (p *pod) ctl(etcd corev1.Container, args ...string) (string, error) {
	p.t.Helper()
	const pki = "/etc/kubernetes/pki/etcd/"
	words := append([]string{"--endpoints=https://127.0.0.1:2379", "--cacert=" + pki + "ca.crt", "--cert=" + pki + "server.crt", "--key=" + pki + "server.key"}, args...)
	r := p.start(corev1.Container{Name: "etcdctl beside " + etcd.Name, Command: []string{"/usr/local/bin/etcdctl"}, Args: words})
	err := r.Wait()
	if err != nil {
		err = errors.New(r.err.String())
	}
	return r.out.String(), err
}

// certificates are what kubeadm would have made.
func (p *pod) certificates(dir string) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "etcd"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(192, 0, 2, 10)},
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		p.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"ca", "server", "peer"} {
		p.write(filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
		p.write(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
	}
}
