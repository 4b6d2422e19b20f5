package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const limited = "limited-operator"

// lackedRights are those that the limited user does not have, in the product's words and sorted.
func lackedRights() []string {
	out := []string{
		"create pods/eviction",
		`delete daemonsets.apps in namespace "kubectl-upgrade"`,
		`create pods/exec in namespace "kubectl-upgrade"`,
		`get pods/exec in namespace "kubectl-upgrade"`,
		"list persistentvolumes",
		"patch nodes",
	}
	slices.Sort(out)
	return out
}

// limitedUser makes a user with all but a few of the rights, by a real role of the cluster.
func (e *env) limitedUser(ctx context.Context) (token string, back undo, err error) {
	all := []string{"*"}
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"pods", "configmaps", "namespaces", "events", "secrets", "serviceaccounts"}, Verbs: all},
		{APIGroups: []string{"apps"}, Resources: all, Verbs: []string{"get", "list", "create", "update"}},
		{APIGroups: []string{"policy"}, Resources: all, Verbs: all},
	}
	meta := metav1.ObjectMeta{Name: limited}
	background := metav1.DeletePropagationBackground
	back = func(ctx context.Context) error {
		o := metav1.DeleteOptions{PropagationPolicy: &background}
		return errors.Join(
			e.client.RbacV1().ClusterRoleBindings().Delete(ctx, limited, o),
			e.client.RbacV1().ClusterRoles().Delete(ctx, limited, o),
			e.client.CoreV1().ServiceAccounts("default").Delete(ctx, limited, o))
	}
	_, saErr := e.client.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	_, roleErr := e.client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	_, bindErr := e.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: limited},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: limited}},
	}, metav1.CreateOptions{})
	if err := errors.Join(saErr, roleErr, bindErr); err != nil {
		return "", back, fmt.Errorf("make limited user: %w", err)
	}
	request, err := e.client.CoreV1().ServiceAccounts("default").CreateToken(ctx, limited, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", back, fmt.Errorf("make token of limited user: %w", err)
	}
	return request.Status.Token, back, nil
}
