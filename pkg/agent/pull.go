package agent

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// pullPatience is how long a failing pull is given: the kubelet tries again by itself, and a registry may hiccup.
const pullPatience = 20 * time.Second

// pull is what is known of a pod's images.
type pull int

const (
	// pullNotTried or done: the images are not what keeps the pod.
	pullNotTried pull = iota
	// pullFailed may be better at the next attempt.
	pullFailed
	// pullRefused will not: the registry has answered that there is no such image, or its name is none.
	pullRefused
)

// pullOf reads a waiting container's reason and message. While the kubelet backs off, its message need not
// repeat why the last attempt failed; that of the attempt itself is seen in between.
func pullOf(w corev1.ContainerStateWaiting) pull {
	switch w.Reason {
	case "InvalidImageName", "ErrImageNeverPull":
		return pullRefused
	case "ErrImagePull", "ImagePullBackOff":
		// The words of containerd, CRI-O and dockershim for HTTP 404 of a manifest.
		for _, words := range []string{": not found", "manifest unknown"} {
			if strings.Contains(w.Message, words) {
				return pullRefused
			}
		}
		return pullFailed
	}
	return pullNotTried
}
