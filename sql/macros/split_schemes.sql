{#- The schemes that use hashes: the shares of their splits, as exact fractions in the order of the hash's range.
    The leak-free scheme hashes cells of the sky, the others hash objects. -#}
{%- macro split_schemes() -%}
{{ return({
    'release': [['training', 5, 7], ['validation', 1, 7], ['testing', 1, 7]],
    'paper': [['training', 3, 5], ['validation', 1, 5], ['testing', 1, 5]],
    'leak_free': [['training', 5, 7], ['validation', 1, 7], ['testing', 1, 7]],
}) }}
{%- endmacro -%}
