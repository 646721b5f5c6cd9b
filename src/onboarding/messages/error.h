#pragma once
#include "base/result.h"
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 9, any way: a name of docs/onboarding.md section 7 and a sentence.
struct error_message {
    wire::opaque<1, 64> name;
    wire::opaque<0, 255> text;
    BERTH_FIELDS(name, text)
};

// The frame's content for an error of ours. What a peer may know is the name and a sentence, never parameters.
error_message to_message(const error& e);

// The error that a peer's message stands for: its name if it is one of the protocol's, else `peer_error`; text escaped.
error from_message(const error_message& m, std::string_view sender);

// Whether `name` is one of the fixed names of the protocol (interfaces).
bool is_protocol_error(std::string_view name);

}  // namespace berth::onboarding
