package plan

import (
	"encoding/json"
	"errors"
	"fmt"
)

// KindOf tells which kind of plan there is in a text; empty for none.
func KindOf(saved []byte) string {
	var doc struct {
		Kind string `json:"kind"`
		Plan *struct {
			Kind string `json:"kind"`
		} `json:"plan"`
	}
	if err := json.Unmarshal(saved, &doc); err != nil {
		return ""
	}
	if doc.Plan != nil {
		return doc.Plan.Kind
	}
	return doc.Kind
}

// Read reads a saved plan of a kind: one by itself, or the report of "kubectl upgrade plan -o json" that holds it. A plan whose digest is
// not that of its content was changed by hand, and nobody has ever been shown it.
func Read(saved []byte, kind string) (*Plan, error) {
	var doc struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Plan       json.RawMessage `json:"plan"`
	}
	if err := json.Unmarshal(saved, &doc); err != nil {
		return nil, fmt.Errorf("read plan: it is not JSON: %w", err)
	}
	if doc.APIVersion != APIVersion {
		return nil, fmt.Errorf("read plan: its apiVersion is %q, want %q", doc.APIVersion, APIVersion)
	}
	switch {
	case doc.Kind == kind:
		doc.Plan = saved
	case doc.Plan == nil:
		return nil, fmt.Errorf("read plan: there is none in this %s", doc.Kind)
	}
	var p Plan
	if err := json.Unmarshal(doc.Plan, &p); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	if p.Kind != kind {
		return nil, fmt.Errorf("read plan: its kind is %q, want %q", p.Kind, kind)
	}
	if kind == EtcdKind && p.Etcd == nil {
		return nil, errors.New("read plan: it has nothing about etcd")
	}
	have := p.Digest
	if err := p.seal(); err != nil {
		return nil, err
	}
	if p.Digest != have {
		return nil, errors.New("read plan: its digest is not that of its content: it was changed after it was made, or made by another release")
	}
	return &p, nil
}
