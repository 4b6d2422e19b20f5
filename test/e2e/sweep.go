package main

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sweep takes away what a row that failed may have left behind, so that the next one is judged for itself.
func (e *env) sweep(ctx context.Context) {
	errs := []error{e.removeAgentNamespace(ctx)}
	err := e.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Delete(ctx, lockName, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) {
		errs = append(errs, err)
	}
	for _, n := range e.lab.info.nodes() {
		_, err := e.lab.exec(ctx, n, "rm", "-rf", workDir)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Println("# sweep:", err)
	}
}
