package step

import "testing"

func TestOnlyTheLineOfTheRepositoryChanges(t *testing.T) {
	for before, want := range map[string]string{
		"apiServer: {}\nimageRepository: registry.k8s.io\nkind: ClusterConfiguration\n": "apiServer: {}\nimageRepository: r.example:5000/k8s\nkind: ClusterConfiguration\n",
		"dns:\n  imageRepository: x\nkind: ClusterConfiguration\n":                      "dns:\n  imageRepository: x\nkind: ClusterConfiguration\nimageRepository: r.example:5000/k8s\n",
	} {
		got := withRepository(before, "r.example:5000/k8s")
		if got != want {
			t.Errorf("%q became %q", before, got)
		}
		if now, err := repositoryIn(got); now != "r.example:5000/k8s" || err != nil {
			t.Errorf("%q says %q, %v", got, now, err)
		}
	}
}
