package storetest

import "testing"

func runMachine(t *testing.T, place func(t testing.TB) Factory) {}
