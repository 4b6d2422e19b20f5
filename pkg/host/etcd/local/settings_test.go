package local

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSettings(t *testing.T) {
	file := []byte("name: f\ndata-dir: /f\nquota-backend-bytes: 4294967296\nclient-transport-security:\n  cert-file: /c\n  client-cert-auth: true\npeer-transport-security:\n  cert-file: /p\nlog-outputs: [stderr]\n")
	for name, c := range map[string]struct {
		args, env []string
		want      settings
	}{
		"flags":                         {[]string{"--name=a", "-data-dir", "/d", "--client-cert-auth", "--quota-backend-bytes", "-1", "--pre-vote=false"}, nil, settings{"name": "a", "data-dir": "/d", "client-cert-auth": "true", "quota-backend-bytes": "-1", "pre-vote": "false"}},
		"environment":                   {[]string{"--name", "a"}, []string{"ETCD_NAME=b", "ETCD_DATA_DIR=/d", "ETCDCTL_API=3", "PATH=/bin"}, settings{"name": "a", "data-dir": "/d"}},
		"file":                          {[]string{"--config-file", "/etc/etcd.yaml", "--name", "a"}, []string{"ETCD_DATA_DIR=/d"}, settings{"config-file": "/etc/etcd.yaml", "name": "f", "data-dir": "/f", "quota-backend-bytes": "4294967296", "cert-file": "/c", "client-cert-auth": "true", "peer-cert-file": "/p", "log-outputs": "[stderr]"}},
		"file named by the environment": {nil, []string{"ETCD_CONFIG_FILE=/etc/etcd.yaml"}, settings{"config-file": "/etc/etcd.yaml", "name": "f", "data-dir": "/f", "quota-backend-bytes": "4294967296", "cert-file": "/c", "client-cert-auth": "true", "peer-cert-file": "/p", "log-outputs": "[stderr]"}},
	} {
		got, err := readSettings(c.args, c.env, func(path string) ([]byte, error) {
			if path != "/etc/etcd.yaml" {
				return nil, errors.New(path)
			}
			return file, nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestClientURLs(t *testing.T) {
	for listen, want := range map[string][]string{
		"": {"http://localhost:2379", "https://10.0.0.1:2379"},
		"https://10.0.0.1:2379,https://127.0.0.1:2379": {"https://127.0.0.1:2379", "https://10.0.0.1:2379", "https://10.0.0.1:2379"},
		"http://0.0.0.0:2379,http://0.0.0.0:4001":      {"http://127.0.0.1:2379", "http://127.0.0.1:4001", "https://10.0.0.1:2379"},
		"https://[::]:2379":                            {"https://127.0.0.1:2379", "https://[::1]:2379", "https://10.0.0.1:2379"},
		"unix://localhost:2379":                        {"https://10.0.0.1:2379"},
	} {
		got := settings{"listen-client-urls": listen, "advertise-client-urls": "https://10.0.0.1:2379"}.clientURLs()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", listen, d)
		}
	}
}

func TestDirectories(t *testing.T) {
	s := settings{"name": "m1", "wal-dir": "wal"}
	if d, w := s.dataDir("/srv"), s.walDir("/srv"); d != "/srv/m1.etcd" || w != "/srv/wal" {
		t.Errorf("%s, %s", d, w)
	}
	if q := (settings{"quota-backend-bytes": "0"}).quota(); q != 2<<30 {
		t.Errorf("quota %d", q)
	}
	if q := (settings{"quota-backend-bytes": "-1"}).quota(); q != -1 {
		t.Errorf("quota %d", q)
	}
}
