// What was measured on a processor: a file of its own, bound to the text of one
// machine, over which it is laid.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_CALIBRATION_H
#define SENNIT_COMPILER_MACHINE_CALIBRATION_H

#include "compiler/machine/Description.h"

namespace sennit::machine {

/// A field of a machine and its measured value, `core.l1.bandwidth` and
/// `280 GB/s`.
struct Measurement {
  std::string path, value;
};

/// Where, when and how a calibration was made.
struct CalibrationHead {
  std::string processor, date, command;
};

/// SHA-256 of a machine's canonical text, in hexadecimal digits.
std::string hashMachine(const Node &root);

/// The text of a calibration of the machine `root`: the measured fields alone,
/// each with the status `measured`. Nothing, and a reason, where the machine
/// has no such field, or the value does not fit it.
std::optional<std::string>
printCalibration(const Node &root, const CalibrationHead &head,
                 const std::vector<Measurement> &measurements,
                 std::string &reason);

/// Lays the calibration in the file at `path` over the machine; its fields bear
/// the source `calibration`, which says processor, date and command. False, and
/// problems that name line and field, where the file is no calibration, where
/// it was made for another machine, or for another text of this one.
bool calibrate(Node &root, const std::string &path,
               std::vector<Problem> &problems);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_CALIBRATION_H
