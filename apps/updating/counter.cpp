#include "updating/counter.h"

#include "common/files.h"
#include "keystore/stsafe/uri.h"
#include "keystore/stsafe/zone_io.h"
#include "keystore/tpm2/nv.h"

#include <charconv>
#include <fmt/format.h>
#include <map>
#include <optional>

namespace berth::app {

namespace {

namespace st = keystore::stsafe;
namespace tpm = keystore::tpm2;

tl::unexpected<error> bad_counter(const std::string& name, std::string_view why) {
    return fail(error{error_category::usage, "bad_counter",
                      fmt::format("\"{}\" names no counter: {}. file:PATH, tpm2:0x01800100;base=N or "
                                  "stsafe:zone=5;base=500000;device=/dev/i2c-1 do (docs/firmware.md)",
                                  name, why)}
                    .with("counter", name));
}

std::optional<uint64_t> number(std::string_view text, int base = 10) {
    uint64_t out = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return failed == std::errc() && end == text.data() + text.size() && !text.empty() ? std::optional(out) : std::nullopt;
}

class in_file final : public security_counter {
public:
    explicit in_file(std::string path) : path_(std::move(path)) {}
    result<uint64_t> read() override {
        BERTH_TRY(there, is_there(path_));
        if (!there) {
            return 0;
        }
        BERTH_TRY(text, read_text(path_));
        const auto value = number(std::string_view(text).substr(0, text.find('\n')));
        if (!value) {
            return fail(error_category::environment, "bad_counter",
                        fmt::format("{} holds no number; whoever wrote it was not Berth", path_));
        }
        return *value;
    }
    result<void> raise_to(uint64_t value) override {
        BERTH_TRY(now, read());
        return now >= value ? result<void>{} : write_text(path_, std::to_string(value) + "\n", 0600);
    }

private:
    std::string path_;
};

class in_tpm final : public security_counter {
public:
    in_tpm(tpm::device_ptr chip, uint32_t index, uint64_t base) : chip_(std::move(chip)), index_(index), base_(base) {}
    result<uint64_t> read() override {
        BERTH_TRY(is, tpm::nv_read_counter(chip_, index_));
        if (is < base_) {
            return fail(error_category::environment, "counter_fell",
                        fmt::format("The TPM's counter is {}, and began at {}: it is another one, or another TPM.", is, base_));
        }
        return is - base_;
    }
    result<void> raise_to(uint64_t value) override {
        BERTH_TRY(now, read());
        for (; now < value; ++now) {
            BERTH_CHECK(tpm::nv_increment(chip_, index_));
        }
        return {};
    }

private:
    tpm::device_ptr chip_;
    uint32_t index_;
    uint64_t base_;
};

class in_element final : public security_counter {
public:
    in_element(std::shared_ptr<st::device> chip, uint8_t zone, uint64_t base)
        : chip_(std::move(chip)), zone_(zone), base_(base) {}
    result<uint64_t> read() override {
        BERTH_TRY(left, st::read_counter(*chip_, zone_, st::strongest(*chip_)));
        if (left > base_) {
            return fail(
                error_category::environment, "counter_fell",
                fmt::format("The chip's counter is {}, and began at {}: it is another one, or another chip.", left, base_));
        }
        return base_ - left;
    }
    result<void> raise_to(uint64_t value) override {
        BERTH_TRY(now, read());
        if (now < value) {
            BERTH_CHECK(st::decrement_once(*chip_, zone_, static_cast<uint32_t>(value - now), st::strongest(*chip_)));
        }
        return {};
    }

private:
    std::shared_ptr<st::device> chip_;
    uint8_t zone_;
    uint64_t base_;
};

struct parts {
    std::string scheme, first;
    std::map<std::string, std::string> named;
    std::string others;  // "a=b;c=d" of names that are not ours
};

parts split(const std::string& name) {
    parts out;
    const size_t colon = name.find(':');
    out.scheme = name.substr(0, colon);
    std::string rest = colon == std::string::npos ? "" : name.substr(colon + 1);
    for (size_t from = 0; from <= rest.size();) {
        const size_t to = std::min(rest.find(';', from), rest.size());
        const auto one = rest.substr(from, to - from);
        from = to + 1;
        const size_t equals = one.find('=');
        if (equals == std::string::npos) {
            out.first = one;
        } else {
            out.named[one.substr(0, equals)] = one.substr(equals + 1);
            if (!one.starts_with("base=") && !one.starts_with("zone=")) {
                out.others += (out.others.empty() ? "" : ";") + one;
            }
        }
    }
    return out;
}

result<uint32_t> index_of(const std::string& name, const parts& p) {
    const auto index = p.first.starts_with("0x") ? number(std::string_view(p.first).substr(2), 16) : std::nullopt;
    if (!index || *index < 0x01000000 || *index > 0x01ffffff) {
        return bad_counter(name, "an NV index is 0x01000000 to 0x01ffffff");
    }
    return static_cast<uint32_t>(*index);
}

}  // namespace

result<std::unique_ptr<security_counter>> open_counter(const std::string& name) {
    const auto p = split(name);
    if (p.scheme == "file") {
        return std::make_unique<in_file>(name.substr(5));
    }
    const auto base = p.named.contains("base") ? number(p.named.at("base")) : std::nullopt;
    if (p.scheme == "tpm2") {
        BERTH_TRY(index, index_of(name, p));
        if (!base) {
            return bad_counter(name, "base is missing: what the counter was at the beginning, as `berth firmware counter` told");
        }
        BERTH_TRY(chip, tpm::device::shared(p.named.contains("tcti") ? p.named.at("tcti") : ""));
        return std::make_unique<in_tpm>(std::move(chip), index, *base);
    }
    if (p.scheme == "stsafe") {
        const auto zone = p.named.contains("zone") ? number(p.named.at("zone")) : std::nullopt;
        if (!zone || *zone > 255 || !base) {
            return bad_counter(name, "zone or base is missing: which counter, and what it was at the beginning");
        }
        BERTH_TRY(chip_name, st::parse_chip_name(p.others));
        BERTH_TRY(chip, st::open_chip(chip_name, {}));
        return std::make_unique<in_element>(std::move(chip), static_cast<uint8_t>(*zone), *base);
    }
    return bad_counter(name, "nothing else counts");
}

result<std::string> make_counter(const std::string& name) {
    const auto p = split(name);
    if (p.scheme != "tpm2") {
        return bad_counter(name, "only a TPM's is made; an STSAFE-A has its counters (`berth se counter show`)");
    }
    BERTH_TRY(index, index_of(name, p));
    BERTH_TRY(chip, tpm::device::shared(p.named.contains("tcti") ? p.named.at("tcti") : ""));
    BERTH_CHECK(tpm::nv_define_counter(chip, index));
    BERTH_TRY(begins, tpm::nv_read_counter(chip, index));
    return fmt::format("tpm2:{};base={}{}{}", tpm::handle_text(index), begins, p.others.empty() ? "" : ";", p.others);
}

}  // namespace berth::app
