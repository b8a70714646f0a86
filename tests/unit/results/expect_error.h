// The message of the Error that `call` throws; empty if it throws none.
#pragma once

#include <QString>

#include "core/base/error.h"

template <class Call>
QString error_of(Call call) {
    try {
        call();
    } catch (const microtome::Error& error) {
        return error.what();
    }
    return {};
}
