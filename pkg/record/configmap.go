package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	runName = "kubectl-upgrade-run"
	// roomFor is how much data the API server takes in a ConfigMap; beyond it no record could be written at all.
	roomFor = corev1.MaxSecretSize
	// leftOutRoom is kept for the words that say what was left out.
	leftOutRoom = 1 << 10
	// The keys of what is too large to be read by people.
	planKey    = "plan.json.gz"
	journalKey = "journal.json.gz"
)

// packPlan compresses the plan, which stays the same from write to write.
func packPlan(r *Run) ([]byte, error) {
	if r.Plan == nil {
		return nil, nil
	}
	return pack(r.Plan)
}

// configMap writes a run as it is kept in the cluster: what people want to know in plain fields, the rest compressed.
// What there is no room for is left out, the plan first: the journal says what was done.
func configMap(r *Run, token string, packedPlan []byte) (*corev1.ConfigMap, error) {
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: runName, Namespace: metav1.NamespaceSystem},
		Data: map[string]string{
			"id": r.ID, "cluster": r.ClusterUID, "token": token, "kind": r.Kind, "state": string(r.State), "holder": r.Holder, "command": r.Command,
			"from": r.From.String(), "to": r.To.String(), "digest": r.Digest, "started": written(r.Started), "updated": written(r.Updated),
		},
		BinaryData: map[string][]byte{},
	}
	if r.Error != "" {
		cm.Data["error"] = r.Error
	}
	if len(r.Steps) > 0 {
		steps, err := yaml.Marshal(r.Steps)
		if err != nil {
			return nil, fmt.Errorf("encode record of run: %w", err)
		}
		cm.Data["steps"] = string(steps)
	}
	journal, err := pack(r.Journal)
	if err != nil {
		return nil, err
	}
	var leftOut []string
	left := roomFor - size(cm) - leftOutRoom
	for _, part := range []struct {
		key, name string
		data      []byte
	}{{journalKey, "journal", journal}, {planKey, "plan", packedPlan}} {
		switch {
		case part.data == nil:
		case len(part.data) > left:
			leftOut = append(leftOut, fmt.Sprintf("the %s takes %d bytes of the %d that a ConfigMap holds", part.name, len(part.data), roomFor))
		default:
			cm.BinaryData[part.key] = part.data
			left -= len(part.data)
		}
	}
	if len(leftOut) > 0 {
		cm.Data["leftOut"] = strings.Join(leftOut, "; ")
	}
	return cm, nil
}

func size(cm *corev1.ConfigMap) int {
	n := 0
	for _, v := range cm.Data {
		n += len(v)
	}
	return n
}

// ErrBroken marks a record that somebody has changed.
var ErrBroken = errors.New("it was changed by hand, or cut off")

func broken(part string, err error) error {
	return fmt.Errorf("read record kube-system/%[1]s: %[2]s: %[3]w (%[4]w): kubectl -n kube-system delete configmap %[1]s forgets the upgrade, and the same command then plans anew", runName, part, ErrBroken, err)
}

// readConfigMap reads what configMap wrote. Fields that a later release added are passed by.
func readConfigMap(cm *corev1.ConfigMap) (*Run, error) {
	d := cm.Data
	r := &Run{ID: d["id"], ClusterUID: d["cluster"], Kind: d["kind"], State: State(d["state"]), Holder: d["holder"], Command: d["command"],
		Digest: d["digest"], Error: d["error"], LeftOut: d["leftOut"], Started: read(d["started"]), Updated: read(d["updated"])}
	r.From, _ = version.Parse(d["from"])
	r.To, _ = version.Parse(d["to"])
	if err := yaml.Unmarshal([]byte(d["steps"]), &r.Steps); err != nil {
		return nil, broken("steps", err)
	}
	if err := unpack(cm.BinaryData[planKey], &r.Plan); err != nil {
		return nil, broken(planKey, err)
	}
	if err := unpack(cm.BinaryData[journalKey], &r.Journal); err != nil {
		return nil, broken(journalKey, err)
	}
	return r, nil
}

func written(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func read(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, fmt.Errorf("encode record of run: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("encode record of run: %w", err)
	}
	return b.Bytes(), nil
}

// unpack leaves v as it is where there is nothing to unpack.
func unpack(b []byte, v any) error {
	if len(b) == 0 {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v)
}
