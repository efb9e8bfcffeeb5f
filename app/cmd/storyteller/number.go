package main

import (
	"errors"
	"fmt"
	"strconv"
)

// number is a flag that means what it means to run.c, which reads it with atoi: decimal,
// 32 bits. What atoi would make something else of than it says is refused.
type number int32

// Set implements pflag.Value.
func (n *number) Set(text string) error {
	v, err := strconv.ParseInt(text, 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s has more than 32 bits: -2147483648 to 2147483647 are allowed", text)
	}
	if err != nil {
		return fmt.Errorf("%.40q is not a whole number in decimal digits", text)
	}
	*n = number(v)
	return nil
}

// String implements pflag.Value.
func (n *number) String() string { return strconv.Itoa(int(*n)) }

// Type implements pflag.Value.
func (*number) Type() string { return "int" }
