// Package conf loads a configuration struct from defaults, a file, the
// environment and flags, in this order of precedence from low to high. The
// struct's mapstructure tags are the keys; nothing is read that is not in it.
package conf

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Source says where a configuration comes from.
type Source struct {
	// EnvPrefix starts the environment's names: PREFIX_SECTION_KEY.
	EnvPrefix string
	// File is a YAML, TOML or JSON file; empty is none.
	File string
	// Flags, when set, override everything for the flags that were given.
	Flags *pflag.FlagSet
}

// Key is one setting.
type Key struct {
	// Path is the key in a file, with dots between sections.
	Path string
	// Env and Flag are its other names.
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

// Load fills cfg, a pointer to a struct that holds the defaults. A key in the
// file that the struct does not have is an error; unknown lists environment
// variables with the prefix that name no key, for a warning.
func Load(src Source, cfg any) (unknown []string, err error) {
	v := viper.New()
	keys := Keys(src.EnvPrefix, cfg)
	for _, k := range keys {
		v.SetDefault(k.Path, k.Default)
		if err := v.BindEnv(k.Path, k.Env); err != nil {
			return nil, fmt.Errorf("bind %s: %w", k.Env, err)
		}
		if src.Flags == nil {
			continue
		}
		if f := src.Flags.Lookup(k.Flag); f != nil {
			if err := v.BindPFlag(k.Path, f); err != nil {
				return nil, fmt.Errorf("bind --%s: %w", k.Flag, err)
			}
		}
	}
	if src.File != "" {
		v.SetConfigFile(src.File)
		if err := v.ReadInConfig(); err != nil {
			return nil, fmt.Errorf("read configuration file %s: %w", src.File, err)
		}
	}
	hooks := mapstructure.ComposeDecodeHookFunc(
		mapstructure.StringToTimeDurationHookFunc(), stringToMap, mapstructure.StringToSliceHookFunc(","))
	if err := v.UnmarshalExact(cfg, viper.DecodeHook(hooks)); err != nil {
		return nil, decodeError(src, err)
	}
	return unknownEnv(src.EnvPrefix, keys), nil
}

// stringToMap reads "key=value,key=value", which is how a map is given in the
// environment and on the command line.
func stringToMap(from, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if !ok || from.Kind() != reflect.String || to != reflect.TypeFor[map[string]string]() {
		return data, nil
	}
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, errors.New("must be key=value, several with commas between them") // the text may be a secret
		}
		out[key] = value
	}
	return out, nil
}

func decodeError(src Source, err error) error {
	where := "flags or environment"
	if src.File != "" {
		where = src.File + ", " + where
	}
	var many interface{ WrappedErrors() []error }
	if errors.As(err, &many) && len(many.WrappedErrors()) > 0 {
		err = many.WrappedErrors()[0]
	}
	return fmt.Errorf("configuration (%s): %w", where, err)
}

func unknownEnv(prefix string, keys []Key) []string {
	known := map[string]bool{}
	for _, k := range keys {
		known[k.Env] = true
	}
	var out []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, prefix+"_") && !strings.HasPrefix(name, prefix+"_TEST_") && !known[name] {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// AddFlags declares a flag for each key, with the default as the help's value.
// Values are parsed when the configuration is loaded, so a flag takes what the
// file takes.
func AddFlags(flags *pflag.FlagSet, envPrefix string, cfg any) {
	for _, k := range Keys(envPrefix, cfg) {
		if k.Secret {
			continue // secrets do not belong on a command line
		}
		flags.String(k.Flag, Format(k.Default), "$"+k.Env)
	}
}

// Format prints a value as a configuration file takes it.
func Format(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case []string:
		return strings.Join(v, ",")
	}
	return fmt.Sprint(v)
}
