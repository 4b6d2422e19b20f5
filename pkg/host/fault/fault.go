// Package fault gives errors of host actions the code on which the plugin branches.
package fault

import (
	"errors"
	"fmt"
)

// Error is an error with one of the Code constants of package hostaction.
type Error struct {
	Code string
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a code, with the verbs of fmt.Errorf.
func New(code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Code finds the code of an error; empty when it has none.
func Code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}
