"""The price of a basket: pairs of price and amount."""

from decimal import ROUND_HALF_UP, Decimal


def price(basket):
    total = Decimal(0)
    for each, amount in basket:
        part = Decimal(each) * amount
        if amount >= 10:
            part -= part * 10 / 100
        total += part
    if total > 100:
        total -= 5
    total = total.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return total


# meets: R1 R2 R3 R4
