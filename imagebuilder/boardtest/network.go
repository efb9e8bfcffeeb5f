package boardtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// OverNetwork waits for the board's page at address, has it run the suites and
// returns their report as plain text, which it copies to w as it grows.
func OverNetwork(ctx context.Context, address string, w io.Writer) ([]byte, error) {
	base := "http://" + address
	for {
		ask, cancel := context.WithTimeout(ctx, 5*time.Second)
		answer, err := do(ask, http.MethodGet, base+"/status")
		if err == nil {
			answer.Body.Close()
			cancel()
			break
		}
		cancel()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no page at %s: %w", base, err)
		case <-time.After(time.Second):
		}
	}
	answer, err := do(ctx, http.MethodPost, base+"/suites")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("the page at %s has no suites: run them over the serial console (--serial)", base)
	default:
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
		return nil, fmt.Errorf("%s: %s", base, strings.Join(strings.Fields(string(why)), " "))
	}
	var report bytes.Buffer
	if _, err := io.Copy(io.MultiWriter(&report, w), answer.Body); err != nil {
		return nil, fmt.Errorf("%s broke off: %w", base, err)
	}
	return report.Bytes(), nil
}

func do(ctx context.Context, method, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}
