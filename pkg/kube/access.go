package kube

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Access is one right that an upgrade needs.
type Access struct {
	Verb, Group, Resource, Subresource, Namespace string
}

// String gives the right as an operator would write it: `create pods/exec in namespace "kubectl-upgrade"`.
func (a Access) String() string {
	var s strings.Builder
	s.WriteString(a.Verb + " " + a.Resource)
	if a.Subresource != "" {
		s.WriteString("/" + a.Subresource)
	}
	if a.Group != "" {
		s.WriteString("." + a.Group)
	}
	if a.Namespace != "" {
		fmt.Fprintf(&s, " in namespace %q", a.Namespace)
	}
	return s.String()
}

// Missing asks the API server, by SelfSubjectAccessReview, which of the rights the operator lacks.
func (c *Client) Missing(ctx context.Context, need []Access) ([]Access, error) {
	lacks := make([]bool, len(need))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, a := range need {
		g.Go(func() error {
			review, err := c.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: a.Verb, Group: a.Group, Resource: a.Resource, Subresource: a.Subresource, Namespace: a.Namespace,
				}},
			}, metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("ask whether the operator may %s: %w", a, err)
			}
			lacks[i] = !review.Status.Allowed
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []Access
	for i, a := range need {
		if lacks[i] {
			out = append(out, a)
		}
	}
	return out, nil
}
