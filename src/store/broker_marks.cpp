#include "store/broker_marks.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>

namespace berth::store {

namespace {

// Open file description locks (fcntl(2)): those of POSIX would go with any descriptor of the file that this process closes.
struct flock octet(uint64_t number, short kind) {
    struct flock out{};
    out.l_type = kind;
    out.l_whence = SEEK_SET;
    out.l_start = static_cast<off_t>(number);
    out.l_len = 1;
    return out;
}

}  // namespace

result<void> broker_marks::hold(uint64_t number) {
    own_ = descriptor(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    auto wanted = octet(number, F_WRLCK);
    if (!own_ || ::fcntl(own_.get(), F_OFD_SETLK, &wanted) != 0) {
        return failed("cannot be locked", errno);
    }
    return {};
}

result<bool> broker_marks::held(uint64_t number) {
    if (!look_) {
        look_ = descriptor(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
        if (!look_ && errno == ENOENT) {
            return false;  // there is none before the first broker
        }
    }
    auto asked = octet(number, F_RDLCK);
    if (!look_ || ::fcntl(look_.get(), F_OFD_GETLK, &asked) != 0) {
        return failed("cannot be read", errno);
    }
    return asked.l_type != F_UNLCK;
}

tl::unexpected<error> broker_marks::failed(const char* what, int why) const {
    return fail(error{error_category::environment,
                      "store_failed",
                      fmt::format("{} {}, by which others know that a broker runs: {}", file_.string(), what, std::strerror(why)),
                      {{"path", file_.string()}}});
}

}  // namespace berth::store
