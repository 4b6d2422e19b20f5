// Package apt handles Debian packages for host actions: it reads sources, pins, holds and locks, simulates on package lists of its own,
// and installs exactly what was asked for. What can be decided from text is a pure function; apt and dpkg themselves decide the rest.
package apt
