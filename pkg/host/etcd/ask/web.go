package ask

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Versions is what a member says at /version, in every release.
type Versions struct {
	Server  version.Version
	Cluster version.Version
	// Storage is known from 3.6 on.
	Storage version.Version
}

// Versions asks a member for what it and its cluster are.
func (c *Client) Versions(ctx context.Context, endpoint string) (Versions, error) {
	var said struct {
		Server  string `json:"etcdserver"`
		Cluster string `json:"etcdcluster"`
		Storage string `json:"storage"`
	}
	if _, err := c.get(ctx, endpoint, "/version", &said); err != nil {
		return Versions{}, err
	}
	v := Versions{Cluster: known(said.Cluster), Storage: known(said.Storage)}
	var err error
	if v.Server, err = version.Parse(said.Server); err != nil {
		return Versions{}, fmt.Errorf("ask %s/version: %w", endpoint, err)
	}
	return v, nil
}

// known reads a version; a member that has not made up its mind says "not_decided", or nothing.
func known(s string) version.Version {
	v, err := version.Parse(s)
	if err != nil {
		return version.Version{}
	}
	return v
}

// get asks over HTTP, whose answer is JSON. The headers are there also with an error of the member's.
func (c *Client) get(ctx context.Context, endpoint, path string, into any) (http.Header, error) {
	url := strings.TrimSuffix(endpoint, "/") + path
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	resp, err := c.web.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask etcd: %w", err) // the cause names the URL
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Header, &webError{url, resp.StatusCode, strings.TrimSpace(string(body[:min(len(body), 200)]))}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return resp.Header, fmt.Errorf("ask %s: %w", url, err)
	}
	return resp.Header, nil
}

// webError is an answer that is none.
type webError struct {
	url  string
	code int
	body string
}

func (e *webError) Error() string {
	return fmt.Sprintf("ask %s: %d %s: %s", e.url, e.code, http.StatusText(e.code), e.body)
}
