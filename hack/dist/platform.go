package main

import (
	"fmt"
	"slices"
)

// platform is an operating system and a processor, as Go and krew name them.
type platform struct{ OS, Arch string }

// platforms are those of the manifest, in its order. krew knows no windows/arm.
func platforms() []platform {
	return []platform{
		{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "arm"},
		{"darwin", "amd64"}, {"darwin", "arm64"},
		{"windows", "amd64"}, {"windows", "arm64"},
	}
}

func choose(names []string) ([]platform, error) {
	all := platforms()
	if len(names) == 0 {
		return all, nil
	}
	var out []platform
	for _, n := range names {
		i := slices.IndexFunc(all, func(p platform) bool { return p.String() == n })
		if i < 0 {
			return nil, fmt.Errorf("--platform: %q is none of %v", n, all)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (p platform) String() string { return p.OS + "/" + p.Arch }

// program is the name of the plugin's file: krew wants .exe on Windows.
func (p platform) program() string {
	if p.OS == "windows" {
		return "kubectl-upgrade.exe"
	}
	return "kubectl-upgrade"
}

// archive is the name of the file that is downloaded.
func (p platform) archive(version string) string {
	ext := ".tar.gz"
	if p.OS == "windows" {
		ext = ".zip"
	}
	return fmt.Sprintf("kubectl-upgrade_%s_%s_%s%s", version, p.OS, p.Arch, ext)
}

// env is the environment to build in. What a person has set for their own builds must not matter.
func (p platform) env() []string {
	return []string{"CGO_ENABLED=0", "GOOS=" + p.OS, "GOARCH=" + p.Arch, "GOAMD64=v1", "GOARM64=v8.0", "GOARM=6", "GOFLAGS=", "GOEXPERIMENT="}
}
