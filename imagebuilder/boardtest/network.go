package boardtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"duostoryteller/app/report"
)

// OverNetwork waits for the board's page at address, has it run the suites, the
// short ones if so asked, and fetches their results. Their report for people
// goes to w as it grows.
func OverNetwork(ctx context.Context, address string, short bool, w io.Writer) ([]report.Entry, error) {
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
	suites := base + "/suites"
	if short {
		suites += "?short=1"
	}
	answer, err := start(ctx, base, suites, w)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return nil, fmt.Errorf("%s broke off: %w", base, err)
	}
	var entries []report.Entry
	for _, name := range report.Names() {
		e, found, err := fetchEntry(ctx, base+"/results/"+report.File(name))
		if err != nil {
			return nil, err
		}
		if found {
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("the page at %s has no results to fetch: its card is of an older version, or its FAT partition cannot be written; the report above is all", base)
	}
	return entries, nil
}

// start starts the suites. A story that is being told, as after the board's start,
// is stopped.
func start(ctx context.Context, base, suites string, w io.Writer) (*http.Response, error) {
	for said := ""; ; {
		answer, err := do(ctx, http.MethodPost, suites)
		if err != nil {
			return nil, err
		}
		switch answer.StatusCode {
		case http.StatusOK:
			return answer, nil
		case http.StatusNotFound:
			answer.Body.Close()
			return nil, fmt.Errorf("the page at %s has no suites: run them over the serial console (--serial)", base)
		}
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
		answer.Body.Close()
		why := fmt.Sprintf("%s: %s", base, strings.Join(strings.Fields(string(text)), " "))
		if answer.StatusCode != http.StatusConflict {
			return nil, errors.New(why)
		}
		if why != said {
			fmt.Fprintln(w, why)
			said = why
		}
		if answer, err := do(ctx, http.MethodPost, base+"/stop"); err == nil {
			answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s", context.Cause(ctx), why)
		case <-time.After(time.Second):
		}
	}
}

// fetchEntry fetches one suite's result, if there is one.
func fetchEntry(ctx context.Context, url string) (e report.Entry, found bool, err error) {
	answer, err := do(ctx, http.MethodGet, url)
	if err != nil {
		return e, false, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return e, false, nil
	default:
		return e, false, fmt.Errorf("%s: %s", url, answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxResult)).Decode(&e); err != nil {
		return e, false, fmt.Errorf("%s: %w", url, err)
	}
	return e, true, nil
}

// maxResult is much more than any suite's result has, in bytes.
const maxResult = 64 << 20

func do(ctx context.Context, method, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}
