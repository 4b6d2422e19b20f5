package kube

import (
	"flag"
	"io"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// AddLogFlags gives klog, through which client-go speaks, its -v, and keeps it silent without: its lines are not for
// operators, and would tear the live view.
func AddLogFlags(fs *pflag.FlagSet, to io.Writer) {
	all := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(all)
	v := all.Lookup("v")
	v.Usage = "Number for the log level verbosity of the client libraries; 0 is silent."
	fs.AddGoFlag(v)
	// Without this klog writes errors to standard error whatever the output is set to.
	if err := all.Set("stderrthreshold", "FATAL"); err != nil {
		panic(err) // the flag is klog's own
	}
	klog.LogToStderr(false)
	klog.SetOutput(quiet{v, to})
}

// quiet drops log lines while the verbosity is zero.
type quiet struct {
	v  *flag.Flag
	to io.Writer
}

func (q quiet) Write(p []byte) (int, error) {
	if q.v.Value.String() == "0" {
		return len(p), nil
	}
	return q.to.Write(p)
}
