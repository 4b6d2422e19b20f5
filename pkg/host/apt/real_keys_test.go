package apt

import (
	"bytes"
	"crypto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// TestRealKey has the real apt fetch from a repository whose key has ended, and once more after somebody has fetched the key anew, which was
// made to last longer: what is read of the key is what apt decides by.
func TestRealKey(t *testing.T) {
	if !inRoot(t) {
		return
	}
	w := newWorld(t)
	const keyring = "/etc/apt/keyrings/kubernetes.gpg"
	created := time.Now().Add(-2 * 365 * 24 * time.Hour).Truncate(time.Second)
	signed := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, DefaultHash: crypto.SHA256, KeyLifetimeSecs: 365 * 24 * 60 * 60,
		Time: func() time.Time { return created.Add(time.Hour) }}
	made := *signed
	made.Time = func() time.Time { return created }
	key, err := openpgp.NewEntity("repository", "", "repository@example.invalid", &made)
	must(t, err)
	for _, minor := range []string{"1.33", "1.34"} {
		dir := "/srv/repo/core:/stable:/v" + minor + "/deb"
		release, err := os.ReadFile(dir + "/Release")
		must(t, err)
		var text bytes.Buffer
		plain, err := clearsign.Encode(&text, key.PrivateKey, signed)
		must(t, err)
		_, err = plain.Write(release)
		must(t, err)
		must(t, plain.Close())
		must(t, os.WriteFile(dir+"/InRelease", text.Bytes(), 0o644))
	}
	must(t, os.MkdirAll("/etc/apt/keyrings", 0o755))
	w.write(testSource, "deb [signed-by="+keyring+"] "+w.url+"/core:/stable:/v1.33/deb/ ./\n")
	ends := func() time.Time {
		t.Helper()
		var text bytes.Buffer
		must(t, key.Serialize(&text))
		w.write(keyring, text.String())
		_, sources, err := Sources(t.Context())
		must(t, err)
		if len(sources) != 1 {
			t.Fatalf("sources %+v", sources)
		}
		file, at := sources[0].KeyEnds()
		if file != keyring {
			t.Errorf("the key is in %q", file)
		}
		return at
	}
	if at := ends(); !at.Equal(created.Add(365 * 24 * time.Hour)) {
		t.Errorf("the key ends at %s", at)
	}
	if _, err := resolve(t, w, "v1.34.2"); fault.Code(err) != hostaction.CodeRepositoryFailed || !strings.Contains(err.Error(), "EXPKEYSIG") {
		t.Errorf("apt does not mind that the key has ended: %v", err)
	}

	longer := uint32(5 * 365 * 24 * 60 * 60)
	for _, id := range key.Identities {
		id.SelfSignature.KeyLifetimeSecs, id.SelfSignature.CreationTime = &longer, created.Add(300*24*time.Hour)
		must(t, id.SelfSignature.SignUserId(id.UserId.Id, key.PrimaryKey, key.PrivateKey, signed))
	}
	if at := ends(); !at.Equal(created.Add(5 * 365 * 24 * time.Hour)) {
		t.Errorf("the key that was made to last longer ends at %s", at)
	}
	if _, err := resolve(t, w, "v1.34.2"); err != nil {
		t.Errorf("apt minds the key that was made to last longer: %v", err)
	}
}
