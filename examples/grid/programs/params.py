"""The few values of params.yaml that programs read: keys of two levels, numbers."""


def read(path, section):
    """The numbers of one section."""
    found, inside = {}, False
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line[:1].strip():
                inside = line.startswith(f"{section}:")
            elif inside and ":" in line:
                name, _, value = line.split("#")[0].partition(":")
                found[name.strip()] = float(value)
    return found
