// What time it is, for a device whose clock may be wrong: est::trusted_time over a bundle's files.
//
//   BUNDLE/time               it is not earlier: issue dates of own certificates, and what accepted vouchers told
//   BUNDLE/credentials/told.time   what an EST server told last; after a restart it is past, and no more than that
#pragma once

#include "device/bundle.h"
#include "est/trusted_time.h"
#include "pki/verify.h"

namespace berth::app {

class known_time final : public clock {
public:
    // Both outlive it.
    known_time(const device_bundle& bundle, const clock& system);

    [[nodiscard]] unix_seconds now() const override { return est::now_by(knowledge_, system_); }
    [[nodiscard]] milliseconds steady() const override { return system_.steady(); }

    // Whether now() is more than a lower bound: somebody told it, or this device has a clock, and that is not evidently wrong.
    [[nodiscard]] bool sure() const;
    // The instants to judge a server's certificate at: now, or everything from the lower bound on.
    [[nodiscard]] pki::validity_instants instants() const;

    // The Date of an EST server that was authenticated. Not believed, and logged, when it is before the lower bound.
    void learn(unix_seconds told);
    void learn_issue_date(unix_seconds at);

private:
    const device_bundle& bundle_;
    const clock& system_;
    est::time_knowledge knowledge_;
};

}  // namespace berth::app
