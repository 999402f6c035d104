"""What forms share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

if TYPE_CHECKING:
    from django.forms import ModelForm
else:

    class ModelForm(forms.ModelForm):
        """Django's form for a row, which may be told at run time, too, for the rows of which model it is."""

        def __class_getitem__(cls, _model):
            return cls


__all__ = ["ModelForm"]
