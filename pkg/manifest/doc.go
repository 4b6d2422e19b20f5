// Package manifest reads and edits the files that say how etcd and the API server are run: static pod manifests, systemd units with their drop-ins and
// environment files, and etcd's own configuration file. It goes from bytes to bytes, and touches only the bytes of what is changed: comments, order and
// formatting of the rest stay as they are. What it cannot change so, it refuses. Every edit is read again, and refused unless all that it says is what was
// to be changed and what was there.
// It is pure: it imports no client, no os and no clock.
package manifest
