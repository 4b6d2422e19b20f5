package apt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// keyringLimit is how much of a keyring is read (bytes). Debian's, of all its keys, has 60 KiB.
const keyringLimit = 1 << 20

const armorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"

// KeyEnds tells when the last of the keys ends by which apt trusts the source, and in which file it is: in those that its entry names, or in
// the entry itself. The time is zero where one of them does not end, where the entry names none of its own, and where one cannot be read: then
// apt has something to say itself.
func (s Source) KeyEnds() (file string, at time.Time) {
	rings, file := s.keyrings()
	for _, r := range rings {
		ends, err := ringEnds(r)
		if err != nil || ends.IsZero() {
			return "", time.Time{}
		}
		if ends.After(at) {
			at = ends
		}
	}
	return file, at
}

// keyrings reads the keys that the entry names. Fingerprints choose among the keys of all sources, and so name no file; nor do they here.
func (s Source) keyrings() (rings [][]byte, file string) {
	if s.trusted {
		return nil, ""
	}
	if strings.Contains(s.signedBy, armorBegin) {
		return [][]byte{[]byte(s.signedBy)}, s.File
	}
	var files []string
	for _, f := range strings.FieldsFunc(s.signedBy, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		b, err := readKeyring(f)
		if err != nil {
			return nil, ""
		}
		rings, files = append(rings, b), append(files, f)
	}
	return rings, strings.Join(files, ", ")
}

func readKeyring(path string) ([]byte, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("read keyring: %q is no path", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, keyringLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	if len(b) > keyringLimit {
		return nil, fmt.Errorf("read keyring: %s has more than %d bytes", path, keyringLimit)
	}
	return b, nil
}

// ringEnds is when the last key of a keyring ends, be it binary or one or more blocks of text; zero where one does not. Which of several
// signs a repository is known from the repository only, so that as long as one is good nothing is said. One that cannot be read is an error,
// since it may be the good one.
func ringEnds(ring []byte) (time.Time, error) {
	parts := [][]byte{ring}
	if i := bytes.Index(ring, []byte(armorBegin)); i >= 0 {
		parts = nil
		for _, text := range bytes.Split(ring[i:], []byte(armorBegin))[1:] {
			block, err := armor.Decode(bytes.NewReader(append([]byte(armorBegin), text...)))
			if err != nil {
				return time.Time{}, fmt.Errorf("read keyring: %w", err)
			}
			b, err := io.ReadAll(block.Body)
			if err != nil {
				return time.Time{}, fmt.Errorf("read keyring: %w", err)
			}
			parts = append(parts, b)
		}
	}
	var last time.Time
	found := false
	for _, p := range parts {
		for packets := packet.NewReader(bytes.NewReader(p)); ; {
			e, err := openpgp.ReadEntity(packets)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return time.Time{}, fmt.Errorf("read keyring: %w", err)
			}
			ends, signs := signingEnds(e)
			if signs && ends.IsZero() {
				return time.Time{}, nil
			}
			if found = found || signs; signs && ends.After(last) {
				last = ends
			}
		}
	}
	if !found {
		return time.Time{}, errors.New("read keyring: it has no key that signs")
	}
	return last, nil
}

// signingEnds is until when a key signs, by itself or by a subkey; zero where it does not end. A subkey is good as long as the key that it belongs to is.
// Of several signatures that say so the newest counts: a key is made to last longer by a new one.
func signingEnds(e *openpgp.Entity) (at time.Time, signs bool) {
	self, _ := e.PrimarySelfSignature()
	if self == nil {
		return time.Time{}, false
	}
	whole := keyEnds(e.PrimaryKey, self)
	if !self.FlagsValid || self.FlagSign {
		return whole, true
	}
	for _, s := range e.Subkeys {
		if s.Sig == nil || !s.PublicKey.PubKeyAlgo.CanSign() || s.Sig.FlagsValid && !s.Sig.FlagSign {
			continue
		}
		ends := keyEnds(s.PublicKey, s.Sig)
		if ends.IsZero() || !whole.IsZero() && whole.Before(ends) {
			ends = whole
		}
		if ends.IsZero() {
			return ends, true
		}
		if signs = true; ends.After(at) {
			at = ends
		}
	}
	return at, signs
}

// keyEnds is when a key ends by what a signature says of it; zero where it does not.
func keyEnds(k *packet.PublicKey, s *packet.Signature) time.Time {
	if s.KeyLifetimeSecs == nil || *s.KeyLifetimeSecs == 0 {
		return time.Time{}
	}
	return k.CreationTime.Add(time.Duration(*s.KeyLifetimeSecs) * time.Second)
}
