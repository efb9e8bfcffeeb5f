package web

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

// No goroutine is left behind by any of the tests. A server waits half a second for a
// browser to read a refusal before it closes the connection: that ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(tests{m}, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// tests leaves none of the test's own connections behind.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return t.M.Run()
}
