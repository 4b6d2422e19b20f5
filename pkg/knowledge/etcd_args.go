package knowledge

import (
	"strconv"
	"strings"
)

// Form is how a setting is written.
type Form int

// The forms.
const (
	// Joined is --name=value.
	Joined Form = iota
	// Split is --name value, in two words.
	Split
	// Bare is --name, which is true.
	Bare
	// Operand is a word that belongs to no flag. etcd takes none.
	Operand
	// Env is an environment variable, ETCD_NAME=value.
	Env
	// Config is a key of the file that --config-file names.
	Config
)

// Arg is one setting of a server.
type Arg struct {
	// Name is the flag without dashes, whatever the form; that of an operand is empty, and so is that of an environment variable of no flag.
	Name, Value string
	Form        Form
	// Dash is "-" or "--" where the form has one.
	Dash string
	// Variable is the name of an environment variable.
	Variable string
}

// Flag makes the argument --name=value.
func Flag(name, value string) Arg { return Arg{Name: name, Value: value, Form: Joined, Dash: "--"} }

// EnvArg makes an argument of an environment variable; false when it is none of etcd's.
func EnvArg(variable, value string) (Arg, bool) {
	if !strings.HasPrefix(variable, "ETCD_") {
		return Arg{}, false
	}
	f, _ := flagOfEnv(variable)
	return Arg{Name: f.Name, Value: value, Form: Env, Variable: variable}, true
}

// Words are the argument as words of a command line; none for a setting that stands elsewhere.
func (a Arg) Words() []string {
	switch a.Form {
	case Joined:
		return []string{a.Dash + a.Name + "=" + a.Value}
	case Split:
		return []string{a.Dash + a.Name, a.Value}
	case Bare:
		return []string{a.Dash + a.Name}
	case Operand:
		return []string{a.Value}
	case Env, Config:
	}
	return nil
}

// String shows the setting as it is written.
func (a Arg) String() string {
	switch a.Form {
	case Env:
		return a.Variable + "=" + a.Value
	case Config:
		return a.Name + ": " + a.Value
	default:
		return strings.Join(a.Words(), " ")
	}
}

// Bool is the value of a flag that needs none; false when it is no truth value.
func (a Arg) Bool() (value, ok bool) {
	if a.Form == Bare {
		return true, true
	}
	v, err := strconv.ParseBool(a.Value)
	return v, err == nil
}

// ParseArgs reads the words after the program's name as the server of that minor does. Flags that it does not understand are read as any release that does
// understand them would, else by their looks.
func ParseArgs(minor string, words []string) []Arg {
	var out []Arg
	for i := 0; i < len(words); i++ {
		w := words[i]
		dash := "--"
		rest, isFlag := strings.CutPrefix(w, dash)
		if !isFlag {
			dash = "-"
			rest, isFlag = strings.CutPrefix(w, dash)
		}
		// As the standard library's flag package has it: the first word that is no flag ends all flags, and so does "--".
		if !isFlag || rest == "" || rest[0] == '-' || rest[0] == '=' {
			for _, w := range words[i:] {
				out = append(out, Arg{Value: w, Form: Operand})
			}
			return out
		}
		name, value, joined := strings.Cut(rest, "=")
		a := Arg{Name: name, Value: value, Form: Joined, Dash: dash}
		if !joined {
			a.Form = Bare
			if i+1 < len(words) && takesNext(minor, name, words[i+1]) {
				i++
				a.Form, a.Value = Split, words[i]
			}
		}
		out = append(out, a)
	}
	return out
}

// takesNext tells whether the word after a flag is its value.
func takesNext(minor, name, next string) bool {
	f, ok := FlagIn(minor, name)
	if !ok {
		f, ok = flagAnywhere(name)
	}
	if ok {
		return !f.Bool
	}
	return !strings.HasPrefix(next, "-")
}

// Words are the command line of all arguments.
func Words(args []Arg) []string {
	var out []string
	for _, a := range args {
		out = append(out, a.Words()...)
	}
	return out
}

// Lookup finds the setting that counts: of one name the last, and the command line before the environment.
func Lookup(args []Arg, name string) (Arg, bool) {
	found, ok := Arg{}, false
	for _, a := range args {
		if a.Name == name && (!ok || a.Form != Env || found.Form == Env) {
			found, ok = a, true
		}
	}
	return found, ok
}
