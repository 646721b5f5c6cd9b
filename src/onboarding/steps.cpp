#include "onboarding/steps.h"

namespace berth::onboarding {

std::string_view describe(step s) {
    switch (s) {
    case step::s1: return "KK1 between registrar and MASA stands, K1 derived";
    case step::s2: return "KK2 between device and registrar stands, K2 derived";
    case step::s3: return "KK3 between device and MASA stands, K3 derived";
    case step::s4: return "the device forms BI1";
    case step::s5: return "the device protects BI1 with K3: BI2";
    case step::s6: return "BI2 over KK2 to the registrar";
    case step::s7: return "BI2 over KK1 to the MASA";
    case step::s8: return "the MASA opens BI2 with K3 and decides";
    case step::s9: return "the MASA protects the answer with K1: BI4";
    case step::s10: return "BI4 over KK1 to the registrar";
    case step::s11: return "the registrar opens BI4 and checks it: BI5";
    case step::s12: return "the customer's CA issues the certificates Z6";
    case step::s13: return "Z6, configuration and BI5 over KK2 to the device";
    case step::s14: return "the device accepts: BI5 equals BI1, and the voucher holds";
    }
    return "";
}

}  // namespace berth::onboarding
