//go:build realbrowser

// Package page looks at the HTML report in a real browser.
package page

import (
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/report"
)

// The colours of the page, as its style sheet has them for light screens.
var colours = map[string]color.RGBA{
	"drain":    {0xe0, 0x8a, 0x1e, 0xff},
	"cordoned": {0xfb, 0xe6, 0xc4, 0xff},
	"work":     {0x3f, 0x6f, 0xb5, 0xff},
	"fetching": {0x9d, 0xb7, 0xd5, 0xff},
	"the text": {0x1c, 0x27, 0x33, 0xff},
	"success":  {0x1a, 0x7f, 0x4b, 0xff},
}

// shoot has the browser draw a page, and gives the picture. It is kept in dist for people to look at.
func shoot(t *testing.T, page, name string, width, height string) image.Image {
	t.Helper()
	dist := filepath.Join("..", "..", "dist")
	if err := os.MkdirAll(dist, 0o755); err != nil {
		t.Fatal(err)
	}
	picture, err := filepath.Abs(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	// Root needs --no-sandbox; no name can be resolved, so that a page which asks for anything shows it.
	out, err := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir="+t.TempDir(), "--window-size="+width+","+height, "--screenshot="+picture, "file://"+page).CombinedOutput()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	f, err := os.Open(picture)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// render writes the page of a report that was kept.
func render(t *testing.T, kept string) string {
	t.Helper()
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	page, err := filepath.Abs(filepath.Join(t.TempDir(), "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	if err := report.WriteFile(page, &r); err != nil {
		t.Fatal(err)
	}
	return page
}

// count is how many points of a picture have a colour.
func count(img image.Image, c color.RGBA) int {
	n := 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.RGBAModel.Convert(img.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

// TestReportInABrowser looks at the report of an upgrade of the lab's basic cluster.
func TestReportInABrowser(t *testing.T) {
	page := render(t, filepath.Join("testdata", "report.json"))
	img := shoot(t, page, "report.png", "1280", "2600")
	for name, c := range colours {
		if n := count(img, c); n < 20 {
			t.Errorf("%s: %d points of colour %v, want some", name, n, c)
		}
	}
	// Nothing runs out of the page to the right.
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		if got, want := color.RGBAModel.Convert(img.At(img.Bounds().Max.X-4, y)), (color.RGBA{0xff, 0xff, 0xff, 0xff}); got != want {
			t.Fatalf("at the right edge, line %d is %v", y, got)
		}
	}
	// On a small screen it is still all there.
	small := shoot(t, page, "report-small.png", "600", "3600")
	if n := count(small, colours["drain"]); n < 5 {
		t.Errorf("on a small screen the drains have %d points", n)
	}
}

// TestPageHasWhatIsInTheReport has the browser read the page, and looks at what it has understood.
func TestPageHasWhatIsInTheReport(t *testing.T) {
	page := render(t, filepath.Join("testdata", "report.json"))
	out, err := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--dump-dom", "file://"+page).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", `class="c-drain"`, `class="c-cordoned"`, "What changed on each node", "How to go on, or back"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}
