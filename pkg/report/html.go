package report

import (
	_ "embed" // for the template
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html.tmpl
var pageTemplate string

// HTML writes a report as one file that needs no other: it has neither scripts nor anything from elsewhere, so that it can be mailed, kept
// and looked at where there is no network.
func HTML(w io.Writer, r *Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"bare":  func(v interface{ Bare() string }) string { return v.Bare() },
		"round": round,
		"time":  func(g Gap) string { return g.Start.UTC().Format(time.TimeOnly) },
		"px":    func(f float64) string { return fmt.Sprintf("%.1f", f) },
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("read template of the report: %w", err)
	}
	if err := t.Execute(w, newPage(r)); err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	return nil
}
