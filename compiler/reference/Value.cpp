// Makes cells and tensors from attributes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Value.h"

#include <limits>

using namespace mlir;

namespace sennit::reference {

unsigned widthOf(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

static double asDouble(APFloat value) {
  bool losesInformation;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInformation);
  return value.convertToDouble();
}

Cell cellOf(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return Cell::of(asDouble(number.getValue()));
  return Cell::of(cast<IntegerAttr>(attribute).getValue().getSExtValue());
}

Cell poisonOf(Type element) {
  if (isa<FloatType>(element))
    return Cell::of(std::numeric_limits<double>::quiet_NaN());
  return Cell::of(wrap(int64_t(1) << (widthOf(element) - 1), widthOf(element)));
}

Tensor::Tensor(ArrayRef<int64_t> shape, Cell value)
    : shape(shape),
      cells(std::make_shared<std::vector<Cell>>(count(shape), value)) {}

int64_t Tensor::count(ArrayRef<int64_t> shape) {
  int64_t product = 1;
  for (int64_t extent : shape)
    product *= extent;
  return product;
}

Cell *Tensor::own() {
  if (cells.use_count() > 1)
    cells = std::make_shared<std::vector<Cell>>(*cells);
  return cells->data();
}

Tensor Tensor::of(DenseElementsAttr attribute) {
  Tensor tensor(attribute.getType().getShape(), Cell::of(int64_t(0)));
  Cell *cell = tensor.own();
  if (isa<FloatType>(attribute.getElementType()))
    for (const APFloat &value : attribute.getValues<APFloat>())
      *cell++ = Cell::of(asDouble(value));
  else
    for (const APInt &value : attribute.getValues<APInt>())
      *cell++ = Cell::of(value.getSExtValue());
  return tensor;
}

Tensor::Shape stridesOf(ArrayRef<int64_t> shape) {
  Tensor::Shape strides(shape.size(), 1);
  for (int64_t dim = int64_t(shape.size()) - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * shape[dim + 1];
  return strides;
}

} // namespace sennit::reference
