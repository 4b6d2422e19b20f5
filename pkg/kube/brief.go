package kube

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Brief is an error for a person who waits: of a request it says which server was asked, and not with what address, which is as long as a page is wide. Who is refused
// by an API server that has just started is told that this may pass.
func Brief(err error) string {
	text := err.Error()
	var request *url.Error
	for inner := err; errors.As(inner, &request); inner = request.Err {
		cause := request.Err.Error()
		if _, deeper := errors.AsType[*url.Error](request.Err); !deeper {
			cause = fmt.Sprintf("API server %s: %s", host(request.URL), cause)
		}
		text = strings.Replace(text, request.Error(), cause, 1)
	}
	if IsRetryableLater(err) && !IsRetryable(err) {
		text += " (one that has just started says so until it has read the roles)"
	}
	return text
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}
