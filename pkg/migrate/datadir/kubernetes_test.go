package datadir

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

func TestUIDOfWhatAnAPIServerStores(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "0d4b9a1e-7c34-4f5e-9b52-0a1f2e3d4c5b", Labels: map[string]string{"a": "b"}}}
	for name, s := range map[string]runtime.Encoder{
		"protobuf": protobuf.NewSerializer(scheme, scheme),
		"JSON":     json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{}),
	} {
		value, err := runtime.Encode(s, ns)
		if err != nil {
			t.Fatal(err)
		}
		if got := uidOf(value); got != string(ns.UID) {
			t.Errorf("%s: %q", name, got)
		}
		for i := range value { // a broken one must not end the process
			_ = uidOf(value[:i])
		}
	}
	for _, value := range []string{"", "k8s:enc:aescbc:v1:key1:xyz", "k8s\x00\xff\xff", "plain"} {
		if got := uidOf([]byte(value)); got != "" {
			t.Errorf("%q: %q", value, got)
		}
	}
}
