package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// warnings prints the last warning events of the cluster.
func (e *env) warnings(ctx context.Context) {
	list, err := e.client.CoreV1().Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		fmt.Println("# list events:", err)
		return
	}
	slices.SortFunc(list.Items, func(a, b corev1.Event) int { return at(a).Compare(at(b)) })
	for _, ev := range list.Items[max(0, len(list.Items)-12):] {
		fmt.Printf("# %s %s %s/%s: %s: %s\n", at(ev).Format(time.TimeOnly), ev.InvolvedObject.Kind, ev.InvolvedObject.Namespace, ev.InvolvedObject.Name, ev.Reason, ev.Message)
	}
}

// at is when an event was last seen; newer controllers leave the old field empty.
func at(e corev1.Event) time.Time {
	if e.LastTimestamp.IsZero() {
		return e.EventTime.Time
	}
	return e.LastTimestamp.Time
}
