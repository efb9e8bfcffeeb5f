package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Set sets a key of the file to what a person typed as its value, without quotes.
// Its error says what is allowed.
func (c *Config) Set(key, typed string) error {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.key == key })
	if i < 0 {
		return errors.New("no such setting: " + key)
	}
	var v any = typed
	if n, err := strconv.ParseInt(typed, 10, 64); err == nil {
		v = n
	} else if f, err := strconv.ParseFloat(typed, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		v = f
	}
	if !settings[i].set(c, v) {
		return fmt.Errorf("%s %.40q is not allowed: give %s", key, typed, settings[i].allowed)
	}
	return nil
}

// Get returns a key's value in words.
func (c Config) Get(key string) string {
	for _, s := range settings {
		if s.key == key {
			return fmt.Sprint(s.get(c))
		}
	}
	return ""
}
