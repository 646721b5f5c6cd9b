// Texts with places for what is known of a requester: "urn:acme:device:{serial}". They stand in profiles, and are checked when
// those are read.
#pragma once

#include "ca/requester.h"
#include "pki/issue.h"

#include <variant>

namespace berth::ca {

// {serial} {maker} (64 hexadecimal digits: the key of the maker's root) {name} (of the requester) {cn} {o} (of the certificate
// that he has shown).
enum class place : uint8_t { serial, maker, name, cn, o };

class text_template {
public:
    // "{{" and "}}" are braces. Error `bad_profile`: another place, or an unpaired brace.
    static result<text_template> parse(std::string_view text);
    // Error `identity_incomplete` (category peer): what is asked for is not known of this requester.
    [[nodiscard]] result<std::string> fill(const requester& who) const;
    [[nodiscard]] bool uses(place p) const;

private:
    std::vector<std::variant<std::string, place>> parts_;
};

// A subject: "serialNumber={serial},O=Acme\, Inc".
class name_template {
public:
    // Error `bad_profile`: no ATTRIBUTE=TEXT, or as above.
    static result<name_template> parse(std::string_view text);
    [[nodiscard]] result<pki::distinguished_name> fill(const requester& who) const;
    [[nodiscard]] bool empty() const { return attributes_.empty(); }
    [[nodiscard]] bool has(std::string_view attribute) const;

private:
    std::vector<std::pair<std::string, text_template>> attributes_;
};

error bad_profile(std::string why);

}  // namespace berth::ca
