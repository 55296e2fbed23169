package conf

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

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
	// Shared are the values that all processes have in common, by path and as text, as in the environment.
	// They take precedence over the file.
	Shared map[string]string
	// Flags, when set, override everything for the flags that were given.
	Flags *pflag.FlagSet
}

// Origin is the kind of source that a value was taken from.
type Origin string

// The origins, from the highest precedence to the lowest.
const (
	FromFlag        Origin = "flag"
	FromEnvironment Origin = "environment"
	FromShared      Origin = "etcd"
	FromFile        Origin = "file"
	FromDefault     Origin = "default"
)

// Loaded says where the values of a loaded configuration came from.
type Loaded struct {
	// Origins has every setting by its path.
	Origins map[string]Origin
	// Shared are the values that all processes have in common.
	Shared map[string]string
	// Overruled are the paths of shared values that a flag or the environment overrides, sorted.
	Overruled []string
	// Unknown are environment variables with the prefix that name no setting, sorted. They
	// are no error: other programs may have variables of that prefix.
	Unknown []string
	// Files are the files that values were read from: the configuration file and those of secrets.
	Files []string
}

// ErrShared is wrapped by errors that only a shared value causes.
var ErrShared = errors.New("a value that all processes share is wrong")

// Load fills cfg, a pointer to a struct that holds the defaults. A key in the file, or a
// shared one, that the struct does not have is an error.
func Load(src Source, cfg any) (*Loaded, error) {
	keys := Keys(src.EnvPrefix, cfg)
	if err := checkShared(src.Shared, keys); err != nil {
		return nil, err
	}
	v, err := open(src, keys)
	if err != nil {
		return nil, err
	}
	out := &Loaded{Origins: make(map[string]Origin, len(keys)), Shared: src.Shared, Unknown: unknownEnv(src.EnvPrefix, keys)}
	if src.File != "" {
		out.Files = append(out.Files, src.File)
	}
	for _, k := range keys {
		if err := out.settle(v, src, k); err != nil {
			return nil, err
		}
	}
	hooks := mapstructure.ComposeDecodeHookFunc(
		mapstructure.StringToTimeDurationHookFunc(), stringToMap, mapstructure.StringToSliceHookFunc(","))
	if err := v.UnmarshalExact(cfg, viper.DecodeHook(hooks)); err != nil {
		return nil, decodeError(src, err)
	}
	return out, nil
}

// open binds the settings to their names and reads the file.
func open(src Source, keys []Key) (*viper.Viper, error) {
	v := viper.New()
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
	if src.File == "" {
		return v, nil
	}
	v.SetConfigFile(src.File)
	if err := v.ReadInConfig(); err != nil {
		return nil, fmt.Errorf("read configuration file %s: %w", src.File, err)
	}
	return v, nil
}

// settle finds the origin of a setting's value, and sets values of secret files and shared ones, which viper
// does not look up itself.
func (l *Loaded) settle(v *viper.Viper, src Source, k Key) error {
	file, err := secretFile(k)
	if err != nil {
		return err
	}
	shared, isShared := src.Shared[k.Path]
	from := FromDefault
	switch {
	case flagGiven(src.Flags, k.Flag):
		from = FromFlag
	case file != "":
		text, err := readSecret(file, k)
		if err != nil {
			return err
		}
		v.Set(k.Path, text)
		l.Files = append(l.Files, file)
		from = FromEnvironment
	case os.Getenv(k.Env) != "":
		from = FromEnvironment
	case isShared:
		v.Set(k.Path, shared)
		from = FromShared
	case v.InConfig(k.Path):
		from = FromFile
	}
	if isShared && from != FromShared {
		l.Overruled = append(l.Overruled, k.Path)
	}
	l.Origins[k.Path] = from
	return nil
}

func flagGiven(flags *pflag.FlagSet, name string) bool {
	if flags == nil {
		return false
	}
	f := flags.Lookup(name)
	return f != nil && f.Changed
}

// checkShared refuses names that are no settings: nobody would notice that such a value is never read.
func checkShared(shared map[string]string, keys []Key) error {
	known := make(map[string]bool, len(keys))
	for _, k := range keys {
		known[k.Path] = true
	}
	var errs []error
	for path := range shared {
		if !known[path] {
			errs = append(errs, fmt.Errorf("%w: there is no setting %q", ErrShared, path))
		}
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return errors.Join(errs...)
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
			return nil, errors.New("must be key=value, several with commas between them") // without the text, which may be a secret
		}
		out[key] = value
	}
	return out, nil
}

func decodeError(src Source, err error) error {
	where := "flags or environment"
	if len(src.Shared) > 0 {
		where = "etcd, " + where
	}
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
		if k.Secret {
			known[k.Env+fileSuffix] = true
		}
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
