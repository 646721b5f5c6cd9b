// What programs print (docs: "Output"): with --json one JSON object or JSON lines on standard output; errors as
// {"error":{"name":...,"category":...,"message":...,"params":{...}}}; on a terminal the message, what to do, the name in
// brackets.
#pragma once

#include "base/result.h"
#include "wire/json.h"

#include <functional>

namespace berth::app {

// Prints the error as chosen by --json and returns its exit code: 0 done, 1 refused by the other side, 2 usage,
// 3 environment, 4 our fault. Errors go to standard error, with --json to standard output.
int report(const error& e, bool json);

// Whether --json is among the arguments: for what goes wrong before they are read.
bool asks_for_json(int argc, char** argv);

// A command line that does not parse: what `print` says, or with --json among the arguments the error `bad_arguments`. Returns 2;
// 0 when help was asked for.
int report_usage(int argc, char** argv, const std::string& what, const std::function<int()>& print);

// For the last catch of a main(): reports the exception that is being handled, and returns 4.
int report_exception(bool json) noexcept;

// One JSON value and a line feed on standard output, at once.
void print_json(const wire::json::value& value);

wire::json::object to_json(const error& e);

// Whether standard output is a terminal (colours, progress).
bool on_terminal();

}  // namespace berth::app
