package hearing

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine is left behind by any of the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
