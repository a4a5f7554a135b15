// SPDX-License-Identifier: Apache-2.0
// The expected texts are those of Go's text/template for this data, save what cli/template-functions.c says of types.
#include "base/error.h"
#include "base/json.h"
#include "cli/template.h"

#include <string.h>

static const char *const data =
	"{\"name\":\"web\",\"n\":5,\"neg\":-3,\"f\":1.5,\"big\":123456789.25,\"yes\":true,\"no\":false,\"null"
	"\":null,\"empty\":\"\",\"zero\":0,\"list\":[\"a\",\"b\",\"c\"],\"nums\":[1,2,3],\"none\":[],\"nothin"
	"g\":{},\"map\":{\"b\":2,\"a\":1},\"labels\":{\"x\":\"1\",\"y\":\"two\"},\"deep\":{\"a\":{\"b\":[{\"n"
	"ame\":\"first\"},{\"name\":\"second\"}]}},\"mixed\":[null,true,\"s\",1.25,{\"k\":[1]}],\"html\":\"<a"
	" href='x'>&\\\"</a>\",\"uni\":\"grüße 世界\"}";

struct template_case {
	const char *text, *output, *error;
};

static const struct template_case values[] = {
	{"plain text", "plain text"},
	{"{{.name}}", "web"},
	{"{{ .name }}", "web"},
	{"{{.deep.a.b}}", "[map[name:first] map[name:second]]"},
	{"{{\"q\\\"\\t\\x41\\101\\u00e9\\U0001F600\"}}", "q\"\tAAé😀"},
	{"{{`raw \"\\n`}}", "raw \"\\n"},
	{"{{'a'}} {{'\\n'}} {{'\\''}} {{'世'}} {{'\\x41'}}", "97 10 39 19990 65"},
	{"{{.html | html}}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;"},
	{"{{.missing}}", "<no value>"},
	{"{{.missing.a.b}}", "<no value>"},
	{"{{.null}}", "<no value>"},
	{"{{(1) }}", "1"},
	{"{{1|}}", "1"},
	{"{{(.map).a}} {{(.deep).a.b}} {{(.deep.a).b}}",
	 "1 [map[name:first] map[name:second]] [map[name:first] map[name:second]]"},
	{"{{.n}} {{.neg}} {{.f}} {{.big}}", "5 -3 1.5 1.2345678925e+08"},
	{"{{1 | index .list}}", "b"},
	{"{{\"b\" | eq \"a\" \"c\"}}", "false"},
};

static const struct template_case actions[] = {
	{"{{$x := 1}}{{$x := print $x 2}}{{if true}}{{$x := print $x 3}}{{$x}},{{end}}{{$x}}", "1 23,1 2"},
	{"{{$x := 1}}{{range $x, $y := .list}}{{$x}}{{$y}}{{end}}{{$x}}", "0a1b2c1"},
	{"{{range .list}}{{$x := .}}{{with $y := print $x $x}}{{$y}}{{end}}{{end}}", "aabbcc"},
	{"{{$x := 1}}{{with ($x = 2)}}{{end}}{{$x}}{{print ($y := 3)}}{{$y}}", "233"},
	{"a {{- .name -}} b", "awebb"},
	{"a  {{- /* comment */ -}}  b", "ab"},
	{"a {{/* comment */}} b", "a  b"},
	{"x{{- \"y\" }} z", "xy z"},
	{"{{\"a\" -}}    b", "ab"},
	{"{{- 3 }} {{-3}} {{- -3 -}} x", "3 -3-3x"},
	{"{{12}} {{-5}} {{+5}} {{0x1F}} {{0b101}} {{0o17}} {{017}} {{1_000}} {{0x_1F}}", "12 -5 5 31 5 15 15 1000 31"},
	{"{{1.5}} {{1e3}} {{.5}} {{1e-7}} {{123456.789}} {{1e20}} {{1e21}} {{0x1p4}} {{100000.0}} {{-2.50}}",
	 "1.5 1000 0.5 1e-07 123456.789 1e+20 1e+21 16 100000 -2.5"},
	{"{{$v := .name}}{{$v}}", "web"},
	{"{{$v := .name}}{{$v = \"other\"}}{{$v}}", "other"},
	{"{{$v := \"a\"}}{{if true}}{{$v = \"b\"}}{{end}}{{$v}}", "b"},
	{"{{$v := \"a\"}}{{if true}}{{$v := \"b\"}}{{$v}}{{end}}{{$v}}", "ba"},
	{"{{$m := .map}}{{$m.a}} {{$.map.b}} {{$.name}}", "1 2 web"},
	{"{{range .list}}<{{.}}>{{end}}", "<a><b><c>"},
	{"{{range $e := .list}}{{$e}};{{end}}", "a;b;c;"},
	{"{{range $i, $e := .list}}{{$i}}:{{$e}};{{end}}", "0:a;1:b;2:c;"},
	{"{{range $k, $v := .map}}{{$k}}={{$v}},{{end}}", "a=1,b=2,"},
	{"{{range .map}}{{.}},{{end}}", "1,2,"},
	{"{{range .none}}x{{else}}none{{end}}", "none"},
	{"{{range .nothing}}x{{else}}none{{end}}", "none"},
	{"{{range .null}}x{{else}}none{{end}}", "none"},
	{"{{range .missing}}x{{else}}none{{end}}", "none"},
	{"{{range 3}}{{.}}{{end}}", "012"},
	{"{{range $i := 3}}{{$i}}{{end}}", "012"},
	{"{{range 0}}x{{else}}none{{end}}", "none"},
	{"{{range -2}}x{{else}}none{{end}}", "none"},
	{"{{range .list}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a"},
	{"{{range .list}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac"},
	{"{{range .list}}{{range $.nums}}{{if eq . 2.0}}{{break}}{{end}}{{.}}{{end}}{{.}}{{end}}", "1a1b1c"},
	{"{{range $i, $e := .list}}{{if $i}}, {{end}}{{$e}}{{end}}", "a, b, c"},
	{"{{$i := 0}}{{$e := \"\"}}{{range $i, $e = .list}}{{end}}{{$i}}{{$e}}", "2c"},
	{"{{$e := \"\"}}{{range $e = .list}}{{end}}{{$e}}", "c"},
	{"{{range .}}{{break}}{{end}}done", "done"},
	{"{{range $x := .list}}{{else}}{{end}}.", "."},
	{"{{if .name}}yes{{end}}", "yes"},
	{"{{if .empty}}yes{{else}}no{{end}}", "no"},
	{"{{if .zero}}a{{else if .yes}}b{{else}}c{{end}}", "b"},
	{"{{if .zero}}a{{else if .no}}b{{else}}c{{end}}", "c"},
	{"{{if .none}}1{{end}}{{if .nothing}}2{{end}}{{if .null}}3{{end}}{{if .missing}}4{{end}}{{if "
	 ".list}}5{{end}}{{if .map}}6{{end}}{{if 0.0}}7{{end}}{{if 0.1}}8{{end}}{{if \"0\"}}9{{end}}",
	 "5689"},
	{"{{if $x := .name}}{{$x}}{{else}}{{$x}}none{{end}}", "web"},
	{"{{with .map}}{{.a}}{{end}}", "1"},
	{"{{with .missing}}x{{else}}none{{end}}", "none"},
	{"{{with .missing}}x{{else with .name}}{{.}}{{else}}none{{end}}", "web"},
	{"{{with $x := .deep.a}}{{$x.b}}{{$.name}}{{end}}", "[map[name:first] map[name:second]]web"},
	{"{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .name}}{{template \"t\"}}", "[web][<no value>]"},
	{"{{template \"late\" .name}}{{define \"late\"}}<{{.}}>{{end}}", "<web>"},
	{"{{block \"b\" .list}}{{range .}}{{.}}{{end}}{{end}}", "abc"},
	{"{{define \"r\"}}{{if .}}{{len .}}{{template \"r\" (slice . 1)}}{{end}}{{end}}{{template \"r\" \"abc\"}}",
	 "321"},
	{"{{define \"x\"}}a{{end}}{{define \"x\"}} {{end}}{{template \"x\"}}", "a"},
	{"{{if eq 1 1 | not}}a{{else}}b{{end}}", "b"},
	{"{{range $i, $e := .mixed}}{{$i}}={{$e}} {{end}}", "0=<no value> 1=true 2=s 3=1.25 4=map[k:[1]] "},
	{"{{range .mixed}}{{json .}} {{end}}", "null true \"s\" 1.25 {\"k\":[1]} "},
	{"{{with index .deep.a.b 0}}{{.name}}{{end}}", "first"},
	{"{{range .deep.a.b}}{{.name}},{{end}}", "first,second,"},
	{"{{range $k, $v := .labels}}{{println $k $v}}{{end}}", "x 1\ny two\n"},
	{"{{$x := 1}}{{$y := 2}}{{print $x $y}}", "1 2"},
	{"{{with $x := 1}}{{with $y := 2}}{{print $x $y}}{{end}}{{end}}", "1 2"},
	{"{{if 1}}\na\n{{- else}}\nb\n{{- end}}", "\na"},
	{"{{template \"t\"}}{{define \"t\"}}{{.x}}{{end}}", "<no value>"},
	{"{{template \"t\" .}}{{define \"t\"}}{{.name}}{{$.name}}{{end}}", "webweb"},
	{"{{template \"t\" $x := .name}}{{define \"t\"}}{{.}}{{end}}", "web"},
	{"{{ $x := 5 }}{{ $x }}", "5"},
	{"{{- /* a */ -}}", ""},
	{"{{/* a */ -}} x", "x"},
	{"{{- \"a\" -}} {{- \"b\" -}}", "ab"},
};

static const struct template_case functions[] = {
	{"{{html \"a\" 1 2 nil}} {{html nil nil 1}} {{js \"\\x7f\\x01\"}}",
	 "a1 2&lt;no value&gt; &lt;no value&gt;&lt;no value&gt;1 \177\\u0001"},
	{"{{(index .deep.a.b 1).name}}", "second"},
	{"{{(index .deep.a.b 0).name | upper}}", "FIRST"},
	{"{{index .deep.a.b 0 \"name\"}}", "first"},
	{"{{index .deep \"a\" \"b\" 1 \"name\"}}", "second"},
	{"{{true}} {{false}}", "true false"},
	{"{{print nil}}", "<nil>"},
	{"{{print \"a\" \"b\"}} {{print 1 2}} {{print \"a\" 1 2 \"b\" true false nil}}",
	 "ab 1 2 a1 2btrue false <nil>"},
	{"{{println \"a\" 1 true}}|", "a 1 true\n|"},
	{"{{print}}|{{println}}|", "|\n|"},
	{"{{and true .name}} {{and .empty .name}} {{and 1 0 2}}", "web  0"},
	{"{{or .empty .name}} {{or .empty 0}} {{or .name (index .list 99)}}", "web 0 web"},
	{"{{and .empty (index .list 99)}}|", "|"},
	{"{{not .name}} {{not .empty}} {{not 0}}", "false true true"},
	{"{{len .list}} {{len .map}} {{len .name}} {{len .uni}} {{len .none}}", "3 2 3 14 0"},
	{"{{index .list 0}}{{index .list 2}}", "ac"},
	{"{{index .list}}", "[a b c]"},
	{"{{index .map \"a\"}}", "1"},
	{"{{index .name 0}}", "119"},
	{"{{slice .list 1}} {{slice .list 1 2}} {{slice .list}} {{slice .name 1}} {{slice .name 0 2}} {{slice .list 0 "
	 "1 2}}",
	 "[b c] [b] [a b c] eb we [a]"},
	{"{{eq 1 1}} {{eq 1 2}} {{eq \"a\" \"b\" \"c\" \"a\"}} {{eq true true}} {{eq 1.5 1.5}} {{eq \"a\" \"a\" 1}}",
	 "true false true true true true"},
	{"{{eq .null nil}} {{eq .missing nil}} {{eq .name nil}} {{eq nil .name}} {{ne .name nil}}",
	 "true true false false true"},
	{"{{ne 1 2}} {{ne \"a\" \"a\"}}", "true false"},
	{"{{lt 1 2}} {{lt 2 1}} {{le 2 2}} {{gt \"b\" \"a\"}} {{ge 1.5 1.5}} {{lt \"a\" \"ab\"}} {{gt -1 0}}",
	 "true false true true true true false"},
	{"{{html .html}}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;"},
	{"{{html \"a\" 1 2 \"b\" nil}}", "a1 2b&lt;no value&gt;"},
	{"{{js \"it's \\\"<a&b>\\\" = \\\\ \\n é\"}}", "it\\'s \\\"\\u003Ca\\u0026b\\u003E\\\" \\u003D \\\\ \\u000A é"},
	{"{{urlquery \"a b&c=d/é~-_.*\"}}", "a+b%26c%3Dd%2F%C3%A9~-_.%2A"},
	{"{{json .}}", "{\"name\":\"web\",\"n\":5,\"neg\":-3,\"f\":1.5,\"big\":123456789.25,\"yes\":true,\"no\":false,"
		       "\"null\":null,\"empty\":\"\",\"zero\":0,\"list\":[\"a\",\"b\",\"c\"],\"nums\":[1,2,3],\"none\":"
		       "[],\"nothing\":{},\"map\":{\"b\":2,\"a\":1},\"labels\":{\"x\":\"1\",\"y\":\"two\"},\"deep\":{"
		       "\"a\":{\"b\":[{\"name\":\"first\"},{\"name\":\"second\"}]}},\"mixed\":[null,true,\"s\",1.25,{"
		       "\"k\":[1]}],\"html\":\"<a href='x'>&\\\"</a>\",\"uni\":\"grüße 世界\"}"},
	{"{{json .uni}} {{json .html}} {{json \"\\x01\\n\\t\\u2028\\\\\\\"\"}} {{json 1.5}} {{json 1e21}} {{json "
	 "1e-7}} {{json nil}} {{json true}} {{json \"\\xff\"}} {{json 0.000001}} {{json 100000000.0}} {{json -0.5}} "
	 "{{json \"\\b\\f\\x7f\"}}",
	 "\"grüße 世界\" \"<a href='x'>&\\\"</a>\" \"\\u0001\\n\\t\\u2028\\\\\\\"\" 1.5 1e+21 1e-7 null true "
	 "\"\\ufffd\" 0.000001 100000000 -0.5 \"\\b\\f\177\""},
	{"{{json .list}}{{json .none}}{{json .nothing}}", "[\"a\",\"b\",\"c\"][]{}"},
	{"{{split \"a,b,c\" \",\"}} {{index (split \"a/b\" \"/\") 1}} {{split \"abc\" \"\"}} {{len (split \"\" "
	 "\",\")}} {{split \"a,,b\" \",\"}}",
	 "[a b c] b [a b c] 1 [a  b]"},
	{"{{join (split \"a,b\" \",\") \"-\"}}", "a-b"},
	{"{{join nil \"-\"}}", ""},
	{"{{lower \"ABC É\"}} {{upper \"abc é ß\"}} {{title \"the quick-brown fOX's 1st_x élan\"}}",
	 "abc é ABC É ß The Quick-Brown FOX'S 1st_x Élan"},
	{"{{pad \"x\" 2 3}}|{{pad \"\" 2 3}}|{{pad \"x\" 0 0}}|", "  x   ||x|"},
	{"{{truncate \"abcdef\" 3}} {{truncate \"ab\" 3}} {{truncate \"ab\" 2}}", "abc ab ab"},
	{"{{print |}}", ""},
	{"{{print (1 | print) (print 2)}}", "12"},
	{"{{and 1}} {{or 0}}", "1 0"},
	{"{{(index .deep.a.b 0).name}} {{(index .deep.a.b 0).foo}}", "first <no value>"},
	{"{{print\n 1\n 2}}", "1 2"},
	{"{{print 1.0 2.0}} {{print 1 1.5}}", "1 2 1 1.5"},
	{"{{and nil 1}}|{{or nil nil}}", "<no value>|<no value>"},
	{"{{eq (index .list 0) \"a\"}}", "true"},
	{"{{not (eq 1 2)}}", "true"},
	{"{{print .}}",
	 "map[big:1.2345678925e+08 deep:map[a:map[b:[map[name:first] map[name:second]]]] empty: f:1.5 html:<a "
	 "href='x'>&\"</a> labels:map[x:1 y:two] list:[a b c] map:map[a:1 b:2] mixed:[<nil> true s 1.25 map[k:[1]]] "
	 "n:5 name:web neg:-3 no:false none:[] nothing:map[] null:<nil> nums:[1 2 3] uni:grüße 世界 yes:true zero:0]"},
	{"{{join .null \",\"}}|", "|"},
	{"{{true | and true}} {{false | or false}}", "true false"},
};

static const struct template_case printf_verbs[] = {
	{"{{printf \"%#b|%6z|%x|%b\" \"b\" 1 1.5 true}}",
	 "%!b(string=b)|%!z(int=     1)|%!x(float64=1.5)|%!b(bool=true)"},
	{"{{printf \"%99999999d|%.99999999d\" 1 2}}", "%!(BADWIDTH)1|%!(BADPREC)2"},
	{"{{\"x\" | printf \"%s-%s\" \"y\"}}", "y-x"},
	{"{{.name | printf \"%s!\" | upper | printf \"<%s>\"}}", "<WEB!>"},
	{"{{(printf \"%s\" \"a\") | print \"b\"}}", "ba"},
	{"{{printf \"%q\" (print 1 2 \"x\" 3)}}", "\"1 2x3\""},
	{"{{printf \"%s|%v|%q|%d|%x|%t|%f|%g|%e|%T|%%\" \"s\" 1 \"q\" 2 255 true 1.5 2.5 3.5 \"t\"}}",
	 "s|1|\"q\"|2|ff|true|1.500000|2.5|3.500000e+00|string|%"},
	{"{{printf \"%5s|%-5s|%.2s|%5.1s|%05d|%-5d|%+d|% d|%x|%X|%#x|%o|%b|%c|%U|%#o|%#b|%O\" \"a\" \"b\" \"abc\" "
	 "\"xyz\" 42 42 42 42 -255 255 255 8 5 65 65 8 5 8}}",
	 "    a|b    |ab|    x|00042|42   |+42| 42|-ff|FF|0xff|10|101|A|U+0041|010|0b101|0o10"},
	{"{{printf \"%5t|%-6t|%05t|%q|%q|%+q|%#q|%#q\" true false true \"a\\\"b\" 65 \"é\" \"x\" \"`\"}}",
	 " true|false |0true|\"a\\\"b\"|'A'|\"\\u00e9\"|`x`|\"`\""},
	{"{{printf \"%6.2f|%-8.3f|%08.3f|%+.1f|% .1f|%.0f|%F|%G|%E|%.3g|%.10g|%g\" 3.14159 2.5 -2.5 1.0 1.0 2.5 1.5 "
	 "1e-10 1.5 1234.5678 1234.5678 100000000.0}}",
	 "  3.14|2.500   |-002.500|+1.0| 1.0|2|1.500000|1E-10|1.500000E+00|1.23e+03|1234.5678|1e+08"},
	{"{{printf \"%v %v %v %v %v\" nil .list .map true 1.0}}", "<nil> [a b c] map[a:1 b:2] true 1"},
	{"{{printf \"%d %s %t %f\" \"a\" 1 \"b\" true}}", "%!d(string=a) %!s(int=1) %!t(string=b) %!f(bool=true)"},
	{"{{printf \"%d\"}} {{printf \"%d %d\" 1}} {{printf \"x\" 1}} {{printf \"%\"}} {{printf \"%z\" 1}} {{printf "
	 "\"%!\" 1}}",
	 "%!d(MISSING) 1 %!d(MISSING) x%!(EXTRA int=1) %!(NOVERB) %!z(int=1) %!!(int=1)"},
	{"{{printf \"%[2]d %[1]d\" 1 2}} {{printf \"%[3]d\" 1}} {{printf \"%[x]d\" 1}} {{printf \"%[1]d %d\" 1 2}}",
	 "2 1 %!d(BADINDEX) %!d(BADINDEX) 1 2"},
	{"{{printf \"%*d|%-*d|%.*f\" 5 42 5 42 2 3.14159}}", "   42|42   |3.14"},
	{"{{printf \"%*d\" \"x\" 42}}", "%!(BADWIDTH)42"},
	{"{{printf \"% x|%#x|%# x|%X|%.2x\" \"hello\" \"hello\" \"hello\" \"hello\" \"hello\"}}",
	 "68 65 6c 6c 6f|0x68656c6c6f|0x68 0x65 0x6c 0x6c 0x6f|68656C6C6F|6865"},
	{"{{printf \"%s %q %x %d\" .list .list .list .list}}",
	 "[a b c] [\"a\" \"b\" \"c\"] [61 62 63] [%!d(string=a) %!d(string=b) %!d(string=c)]"},
	{"{{printf \"%5v|%-5v|%05v\" .list .name 7}}", "[    a     b     c]|web  |00007"},
	{"{{printf \"%#v %#v %#v %#v %#v\" \"a\" 1 .map nil true}}",
	 "\"a\" 1 map[string]interface {}{\"a\":1, \"b\":2} <nil> true"},
	{"{{printf \"%T %T %T %T %T %T %T\" 1 1.5 \"a\" true nil .list .map}}",
	 "int float64 string bool <nil> []interface {} map[string]interface {}"},
	{"{{printf \"%10q|%-10q|%x|%X\" \"a\" \"b\" \"é\" \"\\xff\"}}", "       \"a\"|\"b\"       |c3a9|FF"},
	{"{{printf \"%c%c%c\" 72 0x4E16 -1}} {{printf \"%U %#U\" 0x1F600 10}}", "H世� U+1F600 U+000A"},
	{"{{printf \"%s\" nil}} {{printf \"%d\" nil}} {{printf \"%5v|\" nil}}", "%!s(<nil>) %!d(<nil>) <nil>|"},
	{"{{printf \"%10T|\" 1}}", "       int|"},
	{"{{printf \"%6d|%06d|%-6d|%+06d|%.3d|%6.3d|%x\" -42 -42 -42 42 7 7 0}}",
	 "   -42|-00042|-42   |+00042|007|   007|0"},
	{"{{printf \"\\xff%s\" \"é\"}}", "\377é"},
	{"{{printf \"%q\" \"\\xff\\x00\\u200b\\a\"}}", "\"\\xff\\x00\\u200b\\a\""},
	{"{{printf \"%5c|%-3c|%3q\" 65 66 67}}", "    A|B  |'C'"},
	{"{{printf .name}}", "web"},
	{"{{len .name | printf \"%03d\"}}", "003"},
	{"{{printf \"%d items\" (len .list)}}", "3 items"},
	{"{{$x := print 1}}{{$y := $x | printf \"%s%s\" $x}}{{$y}}", "11"},
	{"{{.uni}} {{len .uni}} {{slice .uni 0 3}} {{printf \"%-12s|\" .uni}}", "grüße 世界 14 gr\303 grüße 世界    |"},
	{"{{printf \"%s\" \"a\" \"b\"}}", "a%!(EXTRA string=b)"},
	{"{{printf \"%.2f%%\" 99.5}}", "99.50%"},
	{"{{printf \"%+v %+q\" .map \"世\"}}", "map[a:1 b:2] \"\\u4e16\""},
	{"{{printf \"%08b|%3c|%-4q|%#U\" 5 'x' 'y' '⌘'}}", "00000101|  x|'y' |U+2318 '⌘'"},
	{"{{printf \"%e %.2e %E\" 123456.789 0.00012 1.0}}", "1.234568e+05 1.20e-04 1.000000E+00"},
	{"{{printf \"%g %g %g %g\" 1e6 123456.0 1e-5 0.0001}}", "1e+06 123456 1e-05 0.0001"},
	{"{{printf \"%6.3v|%.3v\" 3.14159 \"abcdef\"}}", "  3.14|abc"},
};

static const struct template_case errors[] = {
	{"{{$x := $x}}", "", "template parsing error: template: :1: undefined variable \"$x\""},
	{"{{1+2i}}", "", "template parsing error: template: :1: bad number syntax: \"1+2i\""},
	{"{{--}}", "", "template parsing error: template: :1: bad number syntax: \"--\""},
	{"{{index .null}}", "",
	 "template: :1:2: executing \"\" at <index .null>: error calling index: index of untyped nil"},
	{"{{nil}}", "", "template: :1:2: executing \"\" at <nil>: nil is not a command"},
	{"{{nil | print}}", "", "template: :1:2: executing \"\" at <nil>: nil is not a command"},
	{"{{range $i, $j := 3}}{{$i}}{{end}}", "",
	 "template: :1:18: executing \"\" at <3>: can't use 3 to iterate over more than one variable"},
	{"{{template \"none\"}}", "",
	 "template: :1:11: executing \"\" at <{{template \"none\"}}>: template \"none\" not defined"},
	{"{{and}}", "", "template: :1:2: executing \"\" at <and>: wrong number of args for and: want at least 1 got 0"},
	{"{{not}}", "", "template: :1:2: executing \"\" at <not>: wrong number of args for not: want 1 got 0"},
	{"{{not 1 2}}", "", "template: :1:2: executing \"\" at <not>: wrong number of args for not: want 1 got 2"},
	{"{{len 3}}", "", "template: :1:2: executing \"\" at <len 3>: error calling len: len of type int"},
	{"{{len true}}", "", "template: :1:2: executing \"\" at <len true>: error calling len: len of type bool"},
	{"{{index .list -1}}", "",
	 "template: :1:2: executing \"\" at <index .list -1>: error calling index: index out of range: -1"},
	{"{{index .list \"a\"}}", "",
	 "template: :1:2: executing \"\" at <index .list \"a\">: error calling index: cannot index slice/array with "
	 "type string"},
	{"{{index .list 1.5}}", "",
	 "template: :1:2: executing \"\" at <index .list 1.5>: error calling index: cannot index slice/array with type "
	 "float64"},
	{"{{index .list nil}}", "",
	 "template: :1:2: executing \"\" at <index .list nil>: error calling index: cannot index slice/array with nil"},
	{"{{index .map 1}}", "",
	 "template: :1:2: executing \"\" at <index .map 1>: error calling index: value has type int; should be string"},
	{"{{index .name 3}}", "",
	 "template: :1:2: executing \"\" at <index .name 3>: error calling index: reflect: string index out of range"},
	{"{{index 5 0}}", "",
	 "template: :1:2: executing \"\" at <index 5 0>: error calling index: can't index item of type int"},
	{"{{index .missing 0}}", "",
	 "template: :1:2: executing \"\" at <index .missing 0>: error calling index: index of untyped nil"},
	{"{{slice .name 2 1}}", "",
	 "template: :1:2: executing \"\" at <slice .name 2 1>: error calling slice: invalid slice index: 2 > 1"},
	{"{{slice .name 0 1 2}}", "",
	 "template: :1:2: executing \"\" at <slice .name 0 1 2>: error calling slice: cannot 3-index slice a string"},
	{"{{slice .list 0 1 2 3}}", "",
	 "template: :1:2: executing \"\" at <slice .list 0 1 2 3>: error calling slice: too many slice indexes: 4"},
	{"{{slice 5}}", "",
	 "template: :1:2: executing \"\" at <slice 5>: error calling slice: can't slice item of type int"},
	{"{{slice .missing}}", "",
	 "template: :1:2: executing \"\" at <slice .missing>: error calling slice: slice of untyped nil"},
	{"{{eq 1}}", "", "template: :1:2: executing \"\" at <eq 1>: error calling eq: missing argument for comparison"},
	{"{{eq}}", "", "template: :1:2: executing \"\" at <eq>: wrong number of args for eq: want at least 1 got 0"},
	{"{{eq \"a\" 1}}", "",
	 "template: :1:2: executing \"\" at <eq \"a\" 1>: error calling eq: incompatible types for comparison"},
	{"{{eq .map .map}}", "",
	 "template: :1:2: executing \"\" at <eq .map .map>: error calling eq: non-comparable type map[string]interface "
	 "{}"},
	{"{{lt true false}}", "",
	 "template: :1:2: executing \"\" at <lt true false>: error calling lt: invalid type for comparison"},
	{"{{lt .map 1}}", "",
	 "template: :1:2: executing \"\" at <lt .map 1>: error calling lt: invalid type for comparison"},
	{"{{lt \"a\" 1}}", "",
	 "template: :1:2: executing \"\" at <lt \"a\" 1>: error calling lt: incompatible types for comparison"},
	{"{{lt 1}}", "", "template: :1:2: executing \"\" at <lt>: wrong number of args for lt: want 2 got 1"},
	{"{{join \"a\" \"-\"}}", "",
	 "template: :1:7: executing \"\" at <\"a\">: can't handle \"a\" for arg of type []string"},
	{"{{upper 5}}", "", "template: :1:8: executing \"\" at <5>: expected string; found 5"},
	{"{{upper .n}}", "", "template: :1:8: executing \"\" at <.n>: wrong type for value; expected string; got int"},
	{"{{upper nil}}", "", "template: :1:8: executing \"\" at <nil>: cannot assign nil to string"},
	{"{{upper .missing}}", "", "template: :1:8: executing \"\" at <.missing>: invalid value; expected string"},
	{"{{upper}}", "", "template: :1:2: executing \"\" at <upper>: wrong number of args for upper: want 1 got 0"},
	{"{{pad \"x\" \"2\" 3}}", "", "template: :1:10: executing \"\" at <\"2\">: expected integer; found \"2\""},
	{"{{pad \"x\" -1 3}}", "",
	 "template: :1:2: executing \"\" at <pad \"x\" -1 3>: error calling pad: strings: negative Repeat count"},
	{"{{pad \"x\" 1.5 3}}", "", "template: :1:10: executing \"\" at <1.5>: expected integer; found 1.5"},
	{"{{truncate \"ab\" -1}}", "",
	 "template: :1:2: executing \"\" at <truncate \"ab\" -1>: error calling truncate: runtime error: slice bounds "
	 "out of range [:-1]"},
	{"{{truncate \"ab\"}}", "",
	 "template: :1:2: executing \"\" at <truncate>: wrong number of args for truncate: want 2 got 1"},
	{"{{truncate \"ab\" 1 2}}", "",
	 "template: :1:2: executing \"\" at <truncate>: wrong number of args for truncate: want 2 got 3"},
	{"{{printf .n}}", "", "template: :1:9: executing \"\" at <.n>: wrong type for value; expected string; got int"},
	{"{{printf 5}}", "", "template: :1:9: executing \"\" at <5>: expected string; found 5"},
	{"{{printf}}", "",
	 "template: :1:2: executing \"\" at <printf>: wrong number of args for printf: want at least 1 got 0"},
	{"{{call .name}}", "",
	 "template: :1:2: executing \"\" at <call .name>: error calling call: non-function of type string"},
	{"{{call nil}}", "", "template: :1:2: executing \"\" at <call nil>: error calling call: call of nil"},
	{"{{.name.foo}}", "",
	 "template: :1:7: executing \"\" at <.name.foo>: can't evaluate field foo in type interface {}"},
	{"{{.name.foo.bar}}", "",
	 "template: :1:7: executing \"\" at <.name.foo.bar>: can't evaluate field foo in type interface {}"},
	{"{{.null.a}}", "", "template: :1:7: executing \"\" at <.null.a>: nil pointer evaluating interface {}.a"},
	{"{{.list.a}}", "", "template: :1:7: executing \"\" at <.list.a>: can't evaluate field a in type interface {}"},
	{"{{$x := .name}}{{$x.foo}}", "",
	 "template: :1:19: executing \"\" at <$x.foo>: can't evaluate field foo in type string"},
	{"{{(.name).foo}}", "", "template: :1:3: executing \"\" at <.name>: can't evaluate field foo in type string"},
	{"{{\"a\".foo}}", "", "template parsing error: template: :1: unexpected . after term \"\\\"a\\\"\""},
	{"{{1.foo}}", "", "template parsing error: template: :1: bad number syntax: \"1.f\""},
	{"{{(1).foo}}", "", "template: :1:3: executing \"\" at <1>: can't evaluate field foo in type int"},
	{"{{nil.foo}}", "", "template parsing error: template: :1: unexpected . after term \"nil\""},
	{"{{(nil).foo}}", "", "template: :1:3: executing \"\" at <nil>: nil is not a command"},
	{"{{.name 1}}", "", "template: :1:2: executing \"\" at <.name>: name is not a method but has arguments"},
	{"{{\"a\" 1}}", "", "template: :1:2: executing \"\" at <\"a\">: can't give argument to non-function \"a\""},
	{"{{1 2}}", "", "template: :1:2: executing \"\" at <1>: can't give argument to non-function 1"},
	{"{{. 1}}", "", "template: :1:2: executing \"\" at <.>: can't give argument to non-function ."},
	{"{{$ 1}}", "", "template: :1:2: executing \"\" at <$>: can't give argument to non-function $"},
	{"{{1 | .name}}", "", "template: :1:6: executing \"\" at <.name>: name is not a method but has arguments"},
	{"{{1 | 2}}", "", "template parsing error: template: :1: non executable command in pipeline stage 2"},
	{"{{\"x\" | .}}", "", "template parsing error: template: :1: non executable command in pipeline stage 2"},
	{"{{.name | nil}}", "", "template parsing error: template: :1: non executable command in pipeline stage 2"},
	{"{{foo}}", "", "template parsing error: template: :1: function \"foo\" not defined"},
	{"{{foo .x}}", "", "template parsing error: template: :1: function \"foo\" not defined"},
	{"{{.x | foo}}", "", "template parsing error: template: :1: function \"foo\" not defined"},
	{"{{", "", "template parsing error: template: :1: unclosed action"},
	{"{{}}", "", "template parsing error: template: :1: missing value for command"},
	{"{{.x}", "", "template parsing error: template: :1: bad character U+007D '}'"},
	{"{{.x", "", "template parsing error: template: :1: unclosed action"},
	{"{{.x}}{{", "", "template parsing error: template: :1: unclosed action"},
	{"{{\"abc}}", "", "template parsing error: template: :1: unterminated quoted string"},
	{"{{`abc}}", "", "template parsing error: template: :1: unterminated raw quoted string"},
	{"{{'a}}", "", "template parsing error: template: :1: unterminated character constant"},
	{"{{''}}", "", "template parsing error: template: :1: invalid syntax"},
	{"{{'ab'}}", "", "template parsing error: template: :1: malformed character constant: 'ab'"},
	{"{{'\\q'}}", "", "template parsing error: template: :1: invalid syntax"},
	{"{{\"\\q\"}}", "", "template parsing error: template: :1: invalid syntax"},
	{"{{\"\\400\"}}", "", "template parsing error: template: :1: invalid syntax"},
	{"{{\"\\ud800\"}}", "", "template parsing error: template: :1: invalid syntax"},
	{"{{/* abc}}", "", "template parsing error: template: :1: unclosed comment"},
	{"{{/* abc */ }}", "", "template parsing error: template: :1: comment ends before closing delimiter"},
	{"{{/* abc */x}}", "", "template parsing error: template: :1: comment ends before closing delimiter"},
	{"{{ /* abc */ }}", "", "template parsing error: template: :1: unexpected \"/\" in command"},
	{"{{(1}}", "", "template parsing error: template: :1: unclosed left paren"},
	{"{{1)}}", "", "template parsing error: template: :1: unexpected right paren"},
	{"{{()}}", "", "template parsing error: template: :1: missing value for parenthesized pipeline"},
	{"{{if}}x{{end}}", "", "template parsing error: template: :1: missing value for if"},
	{"{{if 1}}x", "", "template parsing error: template: :1: unexpected EOF"},
	{"{{if 1}}x{{else}}y", "", "template parsing error: template: :1: unexpected EOF"},
	{"{{if 1}}x{{else}}y{{else}}z{{end}}", "",
	 "template parsing error: template: :1: expected end; found {{else}}"},
	{"{{end}}", "", "template parsing error: template: :1: unexpected {{end}}"},
	{"{{else}}", "", "template parsing error: template: :1: unexpected {{else}}"},
	{"{{break}}", "", "template parsing error: template: :1: {{break}} outside {{range}}"},
	{"{{continue}}", "", "template parsing error: template: :1: {{continue}} outside {{range}}"},
	{"{{range .list}}{{break x}}{{end}}", "",
	 "template parsing error: template: :1: unexpected \"x\" in {{break}}"},
	{"{{range .list}}{{define \"x\"}}{{end}}{{end}}", "",
	 "template parsing error: template: :1: unexpected <define> in command"},
	{"{{define \"x\"}}{{break}}{{end}}", "", "template parsing error: template: :1: {{break}} outside {{range}}"},
	{"{{define x}}{{end}}", "", "template parsing error: template: :1: unexpected \"x\" in define clause"},
	{"{{define \"x\" y}}{{end}}", "", "template parsing error: template: :1: unexpected \"y\" in define clause"},
	{"{{define \"x\"}}", "", "template parsing error: template: :1: unexpected EOF"},
	{"{{define \"x\"}}a{{else}}b{{end}}", "",
	 "template parsing error: template: :1: unexpected {{else}} in define clause"},
	{"{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}", "",
	 "template parsing error: template: :1: template: multiple definition of template \"x\""},
	{"{{template x}}", "", "template parsing error: template: :1: unexpected \"x\" in template clause"},
	{"{{template}}", "", "template parsing error: template: :1: unexpected \"}}\" in template clause"},
	{"{{template \"x\" 1 2}}", "",
	 "template: :1:11: executing \"\" at <{{template \"x\" 1 2}}>: template \"x\" not defined"},
	{"{{block \"x\"}}y{{end}}", "", "template parsing error: template: :1: missing value for block clause"},
	{"{{$x}}", "", "template parsing error: template: :1: undefined variable \"$x\""},
	{"{{$x = 1}}", "", "template parsing error: template: :1: undefined variable \"$x\""},
	{"{{$x := 1}}{{end}}", "", "template parsing error: template: :1: unexpected {{end}}"},
	{"{{if true}}{{$x := 1}}{{end}}{{$x}}", "", "template parsing error: template: :1: undefined variable \"$x\""},
	{"{{$x, $y := .list}}", "", "template parsing error: template: :1: too many declarations in command"},
	{"{{range $x, $y, $z := .list}}{{end}}", "",
	 "template parsing error: template: :1: too many declarations in range"},
	{"{{range $x, 1 := .list}}{{end}}", "",
	 "template parsing error: template: :1: range can only initialize variables"},
	{"{{range $x := }}{{end}}", "", "template parsing error: template: :1: missing value for range"},
	{"{{$x := }}", "", "template parsing error: template: :1: missing value for command"},
	{"{{:= 1}}", "", "template parsing error: template: :1: unexpected \":=\" in command"},
	{"{{.x : 1}}", "", "template parsing error: template: :1: expected :="},
	{"{{.x, 1}}", "", "template parsing error: template: :1: unexpected \",\" in operand"},
	{"{{1a}}", "", "template parsing error: template: :1: bad number syntax: \"1a\""},
	{"{{1.2.3}}", "", "template parsing error: template: :1: unexpected \".3\" in operand"},
	{"{{0x}}", "", "template parsing error: template: :1: illegal number syntax: \"0x\""},
	{"{{09}}", "", "template parsing error: template: :1: illegal number syntax: \"09\""},
	{"{{1__0}}", "", "template parsing error: template: :1: illegal number syntax: \"1__0\""},
	{"{{99999999999999999999}}", "",
	 "template parsing error: template: :1: integer overflow: \"99999999999999999999\""},
	{"{{1e999}}", "", "template parsing error: template: :1: illegal number syntax: \"1e999\""},
	{"{{-}}", "", "template parsing error: template: :1: illegal number syntax: \"-\""},
	{"{{+}}", "", "template parsing error: template: :1: illegal number syntax: \"+\""},
	{"{{.1a}}", "", "template parsing error: template: :1: bad number syntax: \".1a\""},
	{"{{a.b}}", "", "template parsing error: template: :1: function \"a\" not defined"},
	{"{{print.a}}", "", "template: :1:2: executing \"\" at <print>: can't evaluate field a in type string"},
	{"{{.a-b}}", "", "template parsing error: template: :1: bad character U+002D '-'"},
	{"{{.a@}}", "", "template parsing error: template: :1: bad character U+0040 '@'"},
	{"{{#}}", "", "template parsing error: template: :1: unexpected \"#\" in command"},
	{"{{é}}", "", "template parsing error: template: :1: function \"é\" not defined"},
	{"{{☃}}", "", "template parsing error: template: :1: unrecognized character in action: U+2603 '☃'"},
	{"{{\"x\"☃}}", "", "template parsing error: template: :1: unrecognized character in action: U+2603 '☃'"},
	{"{{|}}", "", "template parsing error: template: :1: unexpected \"|\" in command"},
	{"{{|print}}", "", "template parsing error: template: :1: unexpected \"|\" in command"},
	{"{{print 1 | | print}}", "", "template parsing error: template: :1: unexpected \"|\" in command"},
	{"{{with 1}}{{else if 1}}{{end}}", "", "template parsing error: template: :1: unexpected <if> in input"},
	{"{{if 1}}{{else with 1}}{{end}}", "", "template parsing error: template: :1: unexpected <with> in input"},
	{"{{if 1}}{{else foo}}{{end}}", "", "template parsing error: template: :1: unexpected \"foo\" in else"},
	{"{{range}}{{end}}", "", "template parsing error: template: :1: missing value for range"},
	{"{{range 1 2}}{{end}}", "", "template: :1:8: executing \"\" at <1>: can't give argument to non-function 1"},
	{"{{range .name}}{{end}}", "", "template: :1:8: executing \"\" at <.name>: range can't iterate over web"},
	{"{{range 1.5}}{{end}}", "", "template: :1:8: executing \"\" at <1.5>: range can't iterate over 1.5"},
	{"{{range true}}{{end}}", "", "template: :1:8: executing \"\" at <true>: range can't iterate over true"},
	{"{{end x}}", "", "template parsing error: template: :1: unexpected \"x\" in end"},
	{"{{nil := 1}}", "", "template parsing error: template: :1: unexpected \":=\" in operand"},
	{"{{true.x}}", "", "template parsing error: template: :1: unexpected . after term \"true\""},
	{"{{len}}", "", "template: :1:2: executing \"\" at <len>: wrong number of args for len: want 1 got 0"},
	{"{{len 1 2}}", "", "template: :1:2: executing \"\" at <len>: wrong number of args for len: want 1 got 2"},
	{"{{print len}}", "", "template: :1:8: executing \"\" at <len>: wrong number of args for len: want 1 got 0"},
	{"{{print (len)}}", "", "template: :1:9: executing \"\" at <len>: wrong number of args for len: want 1 got 0"},
	{"{{\"multi\nline\"}}", "", "template parsing error: template: :1: unterminated quoted string"},
	{"{{(index .deep.a.b 0).name.x}}", "",
	 "template: :1:19: executing \"\" at <0>: can't evaluate field x in type interface {}"},
	{"{{(index .list 0).foo}}", "",
	 "template: :1:15: executing \"\" at <0>: can't evaluate field foo in type string"},
	{"{{(print 1).foo}}", "", "template: :1:9: executing \"\" at <1>: can't evaluate field foo in type string"},
	{"{{$x := (print 1)}}{{($x | print 2).foo}}", "",
	 "template: :1:33: executing \"\" at <2>: can't evaluate field foo in type string"},
	{"{{range $x := .name}}{{end}}", "",
	 "template: :1:14: executing \"\" at <.name>: range can't iterate over web"},
	{"{{if .name.foo}}{{end}}", "",
	 "template: :1:10: executing \"\" at <.name.foo>: can't evaluate field foo in type interface {}"},
	{"{{with .name}}{{.foo}}{{end}}", "",
	 "template: :1:16: executing \"\" at <.foo>: can't evaluate field foo in type string"},
	{"{{range .list}}{{.foo}}{{end}}", "",
	 "template: :1:17: executing \"\" at <.foo>: can't evaluate field foo in type string"},
	{"{{template \"a\" .name}}{{define \"a\"}}{{.foo}}{{end}}", "",
	 "template: :1:38: executing \"a\" at <.foo>: can't evaluate field foo in type string"},
	{"a\n{{.name.foo}}", "a\n",
	 "template: :2:7: executing \"\" at <.name.foo>: can't evaluate field foo in type interface {}"},
	{"{{printf \"%s\" .name.foo}}", "",
	 "template: :1:19: executing \"\" at <.name.foo>: can't evaluate field foo in type interface {}"},
	{"{{printf \"%d\" (len 3)}}", "",
	 "template: :1:15: executing \"\" at <len 3>: error calling len: len of type int"},
	{"{{len .name | len}}", "", "template: :1:14: executing \"\" at <len>: error calling len: len of type int"},
	{"{{.name | index .list}}", "",
	 "template: :1:10: executing \"\" at <index .list>: error calling index: cannot index slice/array with type "
	 "string"},
};

// Parses and executes; the error if there is one.
static GError *execute(const char *text, const char *json, const struct berth_template_options *options, GString *out)
{
	GError *error = NULL;
	g_autoptr(berth_template) template = berth_template_parse(text, &error);

	if (!template)
		return error;
	BERTH_AUTO_JSON json_t *parsed = berth_json_parse(json, strlen(json), "data", &error);
	g_assert_no_error(error);
	bool good = berth_template_execute(template, parsed, options, out, &error);
	g_assert_true(good == (error == NULL));
	return error;
}

static void check(const char *text, const char *json, const struct berth_template_options *options, const char *output,
		  const char *message)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = execute(text, json, options, out);

	if (g_strcmp0(error ? error->message : NULL, message) != 0 || (output && strcmp(out->str, output) != 0))
		g_test_message("of the template %s", text);
	g_assert_cmpstr(error ? error->message : NULL, ==, message);
	g_assert_true(!error || g_error_matches(error, BERTH_ERROR, BERTH_ERROR_INVALID));
	if (output)
		g_assert_cmpstr(out->str, ==, output);
}

static void check_cases(const struct template_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(cases[i].text, data, NULL, cases[i].output, cases[i].error);
}

static void test_values(void)
{
	check_cases(values, G_N_ELEMENTS(values));
}

static void test_actions(void)
{
	check_cases(actions, G_N_ELEMENTS(actions));
}

static void test_functions(void)
{
	check_cases(functions, G_N_ELEMENTS(functions));
}

static void test_printf(void)
{
	check_cases(printf_verbs, G_N_ELEMENTS(printf_verbs));
}

static void test_errors(void)
{
	check_cases(errors, G_N_ELEMENTS(errors));
}

// What Go has in typed maps and lists is told by the values that are there.
static void test_types_of_json(void)
{
	static const char *const json =
		"{\"labels\": {\"a\": \"b\"}, \"none\": {}, \"null\": null, \"ports\": "
		"{\"80\": [1]}, \"mixed\": {\"a\": 1, \"b\": \"c\"}, \"numbers\": {\"a\": 1}, \"n\": 7, "
		"\"big\": 9223372036854775807, \"on\": {\"a\": true, \"b\": false}}";
	static const struct template_case cases[] = {
		{"{{index .labels \"x\"}}|{{index .none \"x\"}}|{{index .null \"x\"}}|", "|||"},
		{"{{index .ports \"x\"}}{{index .numbers \"x\"}}{{index .on \"x\"}}", "[]0false"},
		{"{{index .mixed \"x\"}}", "<no value>"},
		{"{{index .ports \"x\" 0}}", "",
		 "template: :1:2: executing \"\" at <index .ports \"x\" 0>: error calling index: "
		 "reflect: slice index out of range"},
		{"{{.n}} {{printf \"%03d\" .n}} {{eq .n 7}} {{gt .n 6.5}} {{.big}} {{range .n}}{{.}}{{end}}",
		 "7 007 true true 9223372036854775807 0123456"},
		{"{{join .null \",\"}}|{{join .labels \",\"}}", "|",
		 "template: :1:26: executing \"\" at <.labels>: wrong type for value; expected []string; got "
		 "map[string]interface {}"},
		{"{{json .on}}", "{\"a\":true,\"b\":false}"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		check(cases[i].text, json, NULL, cases[i].output, cases[i].error);
}

static void test_missing_is_error(void)
{
	const struct berth_template_options options = {.missing_is_error = true};
	static const struct template_case cases[] = {
		{"{{.a.b}}", "1"},
		{"x{{.X}}", "x", "template: :1:3: executing \"\" at <.X>: map has no entry for key \"X\""},
		{"{{.a.X.Y}}", "", "template: :1:4: executing \"\" at <.a.X.Y>: map has no entry for key \"X\""},
		{"{{template \"t\"}}{{define \"t\"}}{{.X}}{{end}}", "",
		 "template: :1:32: executing \"t\" at <.X>: nil data; no entry for key \"X\""},
		{"{{index .a \"X\"}}", "0"},
		{"a\n{{if .a}}{{.b.c}}{{end}}", "a\n",
		 "template: :2:13: executing \"\" at <.b.c>: map has no entry for key \"b\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		check(cases[i].text, "{\"a\": {\"b\": 1}}", &options, cases[i].output, cases[i].error);
}

static json_t *call_label(const json_t *object, char *const *arguments, GError **error)
{
	if (g_strv_length((char **) arguments) != 1) {
		berth_error_set(error, BERTH_ERROR_INVALID, "Label takes one name");
		return NULL;
	}
	json_t *label = json_object_get(json_object_get(object, "Labels"), arguments[0]);
	return label ? json_incref(label) : json_string("");
}

static void test_methods(void)
{
	static const struct berth_template_method methods[] = {{"Label", call_label}, {0}};
	const struct berth_template_options options = {.methods = methods};
	static const struct template_case cases[] = {
		{"{{.Label \"a\"}} {{\"a\" | .Label}} {{$.Label \"a\" | upper}} {{.Label \"x\"}}|", "b b B |"},
		{"{{range .List}}{{$.Label .}}{{end}}{{with .Labels}}{{$.Label \"a\"}}{{end}}", "bb"},
		{"{{.Label}}", "",
		 "template: :1:2: executing \"\" at <.Label>: error calling Label: Label takes one name"},
		{"{{.Label \"a\" \"b\"}}", "",
		 "template: :1:2: executing \"\" at <.Label>: error calling Label: Label takes one name"},
		{"{{.Label 1}}", "",
		 "template: :1:9: executing \"\" at <1>: wrong type for value; expected string; got int"},
		{"{{.Labels.Label}}", "<no value>"},
		{"{{.Labels \"a\"}}", "",
		 "template: :1:2: executing \"\" at <.Labels>: Labels is not a method but has arguments"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		check(cases[i].text, "{\"Labels\": {\"a\": \"b\"}, \"List\": [\"a\"]}", &options, cases[i].output,
		      cases[i].error);
}

static void test_table_head(void)
{
	const struct berth_template_options options = {.header = true};

	check("{{json .N}} {{lower .N}} {{upper .N}} {{title .N}} {{truncate .N 1}} {{pad .N 1 1}}|",
	      "{\"N\": \"nAMES\"}", &options, "nAMES nAMES nAMES nAMES nAMES  nAMES |", NULL);
}

// A text of `count` times `repeated` between two others.
static char *repeated(const char *before, const char *text, size_t count, const char *after)
{
	GString *all = g_string_new(before);

	for (size_t i = 0; i < count; i++)
		g_string_append(all, text);
	g_string_append(all, after);
	return g_string_free(all, FALSE);
}

static void check_fails(const char *text, const char *json, const char *message)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = execute(text, json, NULL, out);

	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	if (!strstr(error->message, message))
		g_test_message("instead of \"%s\": %s", message, error->message);
	g_assert_nonnull(strstr(error->message, message));
	g_assert_cmpuint(out->len, <=, BERTH_LIMIT_TEMPLATE_OUTPUT);
}

static void test_limits_of_text(void)
{
	g_autofree char *long_text = repeated("", "x", BERTH_LIMIT_TEMPLATE, "");
	g_autofree char *too_long = repeated("", "x", BERTH_LIMIT_TEMPLATE + 1, "");
	g_autofree char *parens = repeated("{{", "(", BERTH_LIMIT_TEMPLATE_DEPTH + 1, "1");
	g_autofree char *ifs = repeated("", "{{if 1}}", BERTH_LIMIT_TEMPLATE_DEPTH + 1, "");
	g_autofree char *elses = repeated("{{if 0}}", "{{else if 0}}", 2000, "{{end}}");
	g_autofree char *many = repeated("{{$a := 1}}", "{{$a}}", 10000, "");

	check(long_text, "{}", NULL, long_text, NULL);
	check_fails(too_long, "{}", "longer than the limit of 65536");
	check_fails(parens, "{}", "template parsing error: template: :1: nested deeper than 100 levels");
	check_fails(ifs, "{}", "nested deeper than 100 levels");
	check_fails(elses, "{}", "nested deeper than 100 levels");
	check(many, "{}", NULL, NULL, NULL);
}

static void test_limits_of_execution(void)
{
	g_autofree char *doubled = repeated("{{$x := \"xxxxxxxx\"}}", "{{$x = print $x $x}}", 64, "");
	g_autofree char *deep = repeated("", "[", 200, "");
	g_autofree char *deep_json = repeated(deep, "]", 200, "");
	g_autofree char *list = repeated("[0", ",0", 300, "]");

	check_fails("{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}", "{}",
		    "exceeded maximum template depth (100)");
	check_fails("{{template \"\" .}}", "{}", "exceeded maximum template depth (100)");
	check_fails("{{define \"r\"}}{{template \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}", "{}",
		    "exceeded maximum template depth (100)");
	check_fails("{{define \"r\"}}{{if lt . 50}}{{range 2}}{{template \"r\" 1}}{{end}}{{end}}{{end}}{{template "
		    "\"r\" 1}}",
		    "{}", "exceeded maximum template depth (100)");
	check_fails("{{range .}}{{range $}}{{range $}}{{range $}}{{end}}{{end}}{{end}}{{end}}", list,
		    "more work than one execution may do");
	check_fails("{{range 9223372036854775807}}{{end}}", "{}", "more work than one execution may do");
	check_fails("{{range 1000}}{{printf \"%1000000d\" 1}}{{end}}", "{}", "more output than one execution may make");
	check_fails("{{printf \"%1000000v\" .}}", list, "more output than one execution may make");
	check_fails("{{pad \"x\" 9223372036854775807 1}}", "{}", "more output than one execution may make");
	check_fails(doubled, "{}", "more output than one execution may make");
	check_fails("{{.}}", deep_json, "value nested deeper than 100 levels");
	check_fails("{{json .}}", deep_json, "value nested deeper than 100 levels");
	check_fails("{{print .}}", deep_json, "value nested deeper than 100 levels");
}

// Appends; executes more than once.
static void test_reuse(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_template) template = berth_template_parse("{{$x := .}}{{$x}};", &error);
	g_autoptr(GString) out = g_string_new("a");

	for (int i = 0; i < 3; i++) {
		BERTH_AUTO_JSON json_t *number = json_integer(i);
		g_assert_true(berth_template_execute(template, number, NULL, out, &error));
		g_assert_cmpuint(number->refcount, ==, 1);
	}
	g_assert_true(berth_template_execute(template, NULL, NULL, out, &error));
	g_assert_cmpstr(out->str, ==, "a0;1;2;<no value>;");
	berth_template_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/template/values", test_values);
	g_test_add_func("/template/actions", test_actions);
	g_test_add_func("/template/functions", test_functions);
	g_test_add_func("/template/printf", test_printf);
	g_test_add_func("/template/errors", test_errors);
	g_test_add_func("/template/types-of-json", test_types_of_json);
	g_test_add_func("/template/missing-is-error", test_missing_is_error);
	g_test_add_func("/template/methods", test_methods);
	g_test_add_func("/template/table-head", test_table_head);
	g_test_add_func("/template/limits-of-text", test_limits_of_text);
	g_test_add_func("/template/limits-of-execution", test_limits_of_execution);
	g_test_add_func("/template/reuse", test_reuse);
	return g_test_run();
}
