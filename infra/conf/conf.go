// Package conf loads a configuration struct from defaults, a file, values that many processes share, the
// environment and flags, each taking precedence over those before it. The struct's mapstructure tags are the
// keys; there are no others.
package conf

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Key is one setting.
type Key struct {
	// Path is the key in a file, with dots between sections.
	Path string
	// Env and Flag are its other names. A secret has no flag.
	Env, Flag string
	// Default is the value in the struct before loading.
	Default any
	// Secret values are never printed.
	Secret bool
}

// Keys lists the settings of a configuration struct (a pointer to it, holding
// the defaults), sorted. A field tagged `secret:"true"` is a secret.
func Keys(envPrefix string, cfg any) []Key {
	var keys []Key
	walk(reflect.ValueOf(cfg).Elem(), "", func(path string, f reflect.StructField, v reflect.Value) {
		flat := strings.NewReplacer(".", "_", "-", "_").Replace(path)
		keys = append(keys, Key{
			Path: path, Env: strings.ToUpper(envPrefix + "_" + flat),
			Flag:    strings.ReplaceAll(flat, "_", "-"),
			Default: v.Interface(), Secret: f.Tag.Get("secret") == "true",
		})
	})
	sort.Slice(keys, func(i, j int) bool { return keys[i].Path < keys[j].Path })
	return keys
}

func walk(v reflect.Value, prefix string, leaf func(string, reflect.StructField, reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag, opts, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		switch {
		case tag == "-" || !f.IsExported():
		case opts == "squash":
			walk(v.Field(i), prefix, leaf)
		case f.Type.Kind() == reflect.Struct:
			walk(v.Field(i), prefix+tag+".", leaf)
		case tag != "":
			leaf(prefix+tag, f, v.Field(i))
		}
	}
}

// AddFlags declares a flag for each key that is not secret; the help shows the default. Values are parsed
// when the configuration is loaded, so a flag takes the same text as the file.
func AddFlags(flags *pflag.FlagSet, envPrefix string, cfg any) {
	for _, k := range Keys(envPrefix, cfg) {
		if k.Secret {
			continue // what is on a command line is seen by everybody on the machine
		}
		flags.String(k.Flag, Format(k.Default), "$"+k.Env)
	}
}

// Format prints a value as a configuration file has it.
func Format(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case []string:
		return strings.Join(v, ",")
	case map[string]string:
		pairs := make([]string, 0, len(v))
		for key, value := range v {
			pairs = append(pairs, key+"="+value)
		}
		slices.Sort(pairs)
		return strings.Join(pairs, ",")
	}
	return fmt.Sprint(v)
}
