package embedded

import (
	"crypto/sha1" //nolint:gosec // the protocol's name for a script
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// engine runs scripts. It has one Lua state, since scripts run one at a time
// under the keyspace's lock. Scripts come from this process only, so nothing
// guards against one that never ends.
type engine struct {
	state   *lua.LState
	scripts map[string]*lua.FunctionProto
	// fine is the table that stands for OK: one for all, since nearly every write
	// answers it and no script writes to it.
	fine *lua.LTable
}

func newEngine(s *Server) *engine {
	l := lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: 64, RegistrySize: 4096, RegistryMaxSize: 1 << 22})
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath,
	} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	e := &engine{state: l, scripts: map[string]*lua.FunctionProto{}}
	e.fine = l.NewTable()
	e.fine.RawSetString("ok", lua.LString(ok))
	redis := l.NewTable()
	redis.RawSetString("call", l.NewFunction(func(l *lua.LState) int { return s.luaCall(l, true) }))
	redis.RawSetString("pcall", l.NewFunction(func(l *lua.LState) int { return s.luaCall(l, false) }))
	redis.RawSetString("error_reply", l.NewFunction(func(l *lua.LState) int { return single(l, "err", l.CheckString(1)) }))
	redis.RawSetString("status_reply", l.NewFunction(func(l *lua.LState) int { return single(l, "ok", l.CheckString(1)) }))
	// Effects are all that there is; newer servers answer the same.
	redis.RawSetString("replicate_commands", l.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LTrue)
		return 1
	}))
	redis.RawSetString("sha1hex", l.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LString(sha1Hex(l.CheckString(1))))
		return 1
	}))
	l.SetGlobal("redis", redis)
	l.SetGlobal("tostring", l.NewFunction(luaToString))
	protectGlobals(l)
	return e
}

// luaToString writes numbers as Lua 5.1 does (%.14g): this Lua's own writes all of
// their digits.
func luaToString(l *lua.LState) int {
	if n, is := l.CheckAny(1).(lua.LNumber); is {
		l.Push(lua.LString(strconv.FormatFloat(float64(n), 'g', 14, 64)))
		return 1
	}
	l.Push(l.ToStringMeta(l.Get(1)))
	return 1
}

// protectGlobals makes an undeclared global an error, as Redis does: scripts
// share the state and must leave nothing behind.
func protectGlobals(l *lua.LState) {
	meta := l.NewTable()
	meta.RawSetString("__newindex", l.NewFunction(func(l *lua.LState) int {
		l.RaiseError("Script attempted to access nonexistent global variable '%s'", l.ToString(2))
		return 0
	}))
	meta.RawSetString("__index", l.NewFunction(func(l *lua.LState) int {
		l.RaiseError("Script attempted to access nonexistent global variable '%s'", l.ToString(2))
		return 0
	}))
	l.SetMetatable(l.G.Global, meta)
}

func single(l *lua.LState, field, value string) int {
	t := l.NewTable()
	t.RawSetString(field, lua.LString(value))
	l.Push(t)
	return 1
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // the protocol's name for a script
	return hex.EncodeToString(sum[:])
}

// load compiles a script once.
func (e *engine) load(src string) (string, error) {
	sha := sha1Hex(src)
	if e.scripts[sha] != nil {
		return sha, nil
	}
	chunk, err := parse.Parse(strings.NewReader(src), "@user_script")
	if err != nil {
		return "", respError("ERR Error compiling script (new function): " + oneLine(err))
	}
	proto, err := lua.Compile(chunk, "@user_script")
	if err != nil {
		return "", respError("ERR Error compiling script (new function): " + oneLine(err))
	}
	e.scripts[sha] = proto
	return sha, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func eval(s *Server, args []string) (reply, error) {
	sha, err := s.lua.load(args[0])
	if err != nil {
		return nil, err
	}
	return s.run(sha, args[1:])
}

func evalSHA(s *Server, args []string) (reply, error) {
	return s.run(strings.ToLower(args[0]), args[1:])
}

func (s *Server) run(sha string, args []string) (reply, error) {
	proto := s.lua.scripts[sha]
	if proto == nil {
		return nil, respError("NOSCRIPT No matching script. Please use EVAL.")
	}
	n, err := parseInt(args[0])
	if err != nil {
		return nil, err
	}
	args = args[1:]
	if n < 0 || n > int64(len(args)) {
		return nil, respError("ERR Number of keys can't be greater than number of args")
	}
	l := s.lua.state
	l.G.Global.RawSetString("KEYS", stringTable(l, args[:n]))
	l.G.Global.RawSetString("ARGV", stringTable(l, args[n:]))
	l.Push(l.NewFunctionFromProto(proto))
	if err := l.PCall(0, 1, nil); err != nil {
		l.SetTop(0)
		return nil, scriptError(err)
	}
	out := fromLua(l.Get(-1))
	l.SetTop(0)
	return out, nil
}

func scriptError(err error) error {
	text := err.Error()
	if api, isAPI := err.(*lua.ApiError); isAPI { //nolint:errorlint // the library returns it bare
		if t, isTable := api.Object.(*lua.LTable); isTable {
			return respError(t.RawGetString("err").String())
		}
		text = api.Object.String()
	}
	return respError("ERR " + strings.SplitN(text, "\n", 2)[0])
}

func stringTable(l *lua.LState, values []string) *lua.LTable {
	t := l.CreateTable(len(values), 0)
	for i, v := range values {
		t.RawSetInt(i+1, lua.LString(v))
	}
	return t
}

func script(s *Server, args []string) (reply, error) {
	switch strings.ToLower(args[0]) {
	case "load":
		if len(args) != 2 {
			return nil, errSyntax
		}
		return first2(s.lua.load(args[1]))
	case "exists":
		out := make([]any, len(args)-1)
		for i, sha := range args[1:] {
			out[i] = truth(s.lua.scripts[strings.ToLower(sha)] != nil)
		}
		return out, nil
	case "flush":
		clear(s.lua.scripts)
		return ok, nil
	}
	return nil, respError("ERR unknown subcommand '" + args[0] + "'")
}

func first2(sha string, err error) (reply, error) {
	if err != nil {
		return nil, err
	}
	return sha, nil
}

// luaCall is redis.call and redis.pcall.
func (s *Server) luaCall(l *lua.LState, raise bool) int {
	n := l.GetTop()
	if n == 0 {
		l.RaiseError("Please specify at least one argument for this redis.call() call")
	}
	args := make([]string, n)
	for i := range args {
		switch v := l.Get(i + 1).(type) {
		case lua.LString:
			args[i] = string(v)
		case lua.LNumber:
			args[i] = formatNumber(float64(v))
		default:
			l.RaiseError("Lua redis lib command arguments must be strings or integers")
		}
	}
	name := strings.ToLower(args[0])
	if name == "eval" || name == "evalsha" || name == "script" {
		l.RaiseError("This Redis command is not allowed from script")
	}
	r := s.exec(name, args[1:])
	if e, failed := r.(respError); failed {
		t := l.NewTable()
		t.RawSetString("err", lua.LString(e))
		if raise {
			l.Error(t, 1)
		}
		l.Push(t)
		return 1
	}
	if r == ok {
		l.Push(s.lua.fine)
	} else {
		l.Push(toLua(l, r))
	}
	return 1
}

// formatNumber is how Lua 5.1 in Redis hands a number to a command: %.17g.
func formatNumber(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e17 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', 17, 64)
}

// toLua and fromLua convert as Redis does
// (https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion).
func toLua(l *lua.LState, r reply) lua.LValue {
	switch v := r.(type) {
	case nil:
		return lua.LFalse
	case int64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case status:
		t := l.NewTable()
		t.RawSetString("ok", lua.LString(v))
		return t
	case []string:
		return stringTable(l, v)
	case []any:
		t := l.CreateTable(len(v), 0)
		for i, e := range v {
			t.RawSetInt(i+1, toLua(l, e))
		}
		return t
	}
	panic(fmt.Sprintf("a reply of type %T", r))
}

func fromLua(v lua.LValue) reply {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return int64(v)
	case lua.LBool:
		if v {
			return int64(1)
		}
		return nil
	case *lua.LTable:
		if e, is := v.RawGetString("err").(lua.LString); is {
			return respError(e)
		}
		if st, is := v.RawGetString("ok").(lua.LString); is {
			return status(st)
		}
		out := make([]any, 0, v.Len())
		for i := 1; ; i++ {
			e := v.RawGetInt(i)
			if e == lua.LNil {
				return out
			}
			out = append(out, fromLua(e))
		}
	}
	return nil
}
