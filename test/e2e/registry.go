package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// manifestTypes are what the registry may hold under a tag.
const manifestTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
	"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

// takeImage deletes an image from the cluster's registry; the way back pushes the very same manifest.
func (e *env) takeImage(ctx context.Context, repository, tag string) (undo, error) {
	manifests := "http://" + e.lab.info.Registry.Push + "/v2/" + repository + "/manifests/"
	head, body, err := registry(ctx, http.MethodGet, manifests+tag, "", nil)
	if err != nil {
		return nil, err
	}
	back := func(ctx context.Context) error {
		_, _, err := registry(ctx, http.MethodPut, manifests+tag, head.Get("Content-Type"), body)
		return err
	}
	_, _, err = registry(ctx, http.MethodDelete, manifests+head.Get("Docker-Content-Digest"), "", nil)
	return back, err
}

func registry(ctx context.Context, method, url, contentType string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("ask registry: %w", err)
	}
	req.Header.Set("Accept", manifestTypes)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("ask registry: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read answer of registry: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return nil, nil, fmt.Errorf("%s %s: registry answers %s: %s", method, url, res.Status, strings.TrimSpace(string(answer)))
	}
	return res.Header, answer, nil
}
