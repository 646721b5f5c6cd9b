// Libraries that are loaded when somebody first asks for what they do: who never asks need not have them.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

namespace berth {

// They stay loaded for as long as the process lives.
class loaded_library {
public:
    // One after the other; functions are looked for in all of them, and in those that they bring along.
    explicit loaded_library(std::initializer_list<const char*> files);

    // Fills in a pointer of a table of functions. What is not there is noted.
    template <class F>
    void find(const char* name, F*& into) {
        into = reinterpret_cast<F*>(address_of(name));
    }
    // The library or function that is missing, and why; empty: all of them are there.
    [[nodiscard]] const std::string& missing() const { return missing_; }

private:
    void* address_of(const char* name);

    std::vector<void*> libraries_;
    std::string missing_;
};

}  // namespace berth
