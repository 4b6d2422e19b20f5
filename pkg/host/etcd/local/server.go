package local

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
)

// Server is what this host's API server is told of etcd; nil where none is.
func Server() (*cluster.EtcdClient, error) { return serverAt(staticpod.Server) }

func serverAt(path string) (*cluster.EtcdClient, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read static pod: %w", err)
	}
	return ServerOf(path, text)
}

// ServerOf reads the text of a manifest whose place is at path.
func ServerOf(path string, text []byte) (*cluster.EtcdClient, error) {
	pod, err := staticpod.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read static pod %s: %w", path, err)
	}
	args := settings{}
	args.flags(staticpod.Command(pod))
	file := func(flag string) string {
		if args[flag] == "" {
			return ""
		}
		return staticpod.HostPath(pod, args[flag])
	}
	return &cluster.EtcdClient{
		Manifest: cluster.TextFile{Path: path, Kind: "manifest", Text: string(text)},
		Servers:  list(args["etcd-servers"]), Overrides: list(args["etcd-servers-overrides"]),
		Backend: args["storage-backend"], Prefix: cmp.Or(args["etcd-prefix"], "/registry"),
		CAFile: file("etcd-cafile"), CertFile: file("etcd-certfile"), KeyFile: file("etcd-keyfile"),
	}, nil
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
